"""The things that people ask for first, and what they call them beside the names that emojibase knows.

A name with a star before it is never said in training: it shows whether names are understood or only remembered.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Names of one emoji, the plainest first; `unseen` ones are kept for measuring."""

    english: tuple[str, ...]
    chinese: tuple[str, ...]
    unseen: tuple[str, ...]


_TABLE = """
🐈 cat, kitten, *kitty | 猫, 小猫, 猫咪, *猫儿
🐕 dog, puppy, doggy, *pup | 狗, 小狗, 狗狗, *狗儿
🐱 cat face, cat head | 猫脸, 猫头
🐶 dog face, dog head, puppy face | 狗脸, 狗头
🐇 rabbit, bunny, *hare | 兔子, 小兔子, 兔, *小白兔
🐎 horse, *pony | 马, 小马, *骏马
🐄 cow, dairy cow | 奶牛, 牛, 母牛
🐖 pig, *piggy | 猪, 小猪
🐑 sheep, *ewe | 羊, 绵羊, 小羊, *羊羔
🐐 goat | 山羊
🐅 tiger | 老虎, 虎, *小老虎
🦁 lion | 狮子, *小狮子
🐘 elephant | 大象, 象, *小象
🦒 giraffe | 长颈鹿
🐻 bear, *bear cub | 熊, 小熊, *狗熊
🐼 panda, panda bear | 熊猫, 大熊猫, *小熊猫
🐨 koala, koala bear | 考拉, *树袋熊
🐵 monkey face | 猴头, 猴脸
🐒 monkey, *little monkey | 猴子, 猴, 小猴子
🦊 fox | 狐狸, 小狐狸
🐺 wolf | 狼, 大灰狼
🦌 deer, reindeer | 鹿, 小鹿, *梅花鹿
🐿 squirrel, chipmunk | 松鼠, 小松鼠
🦔 hedgehog | 刺猬, 小刺猬
🐁 mouse | 老鼠, 小老鼠
🐹 hamster | 仓鼠, 小仓鼠
🐓 rooster, cock | 公鸡, 大公鸡
🐔 chicken, hen | 鸡, 母鸡
🐥 chick, *little chick | 小鸡, *小鸡仔
🐦 bird, little bird | 鸟, 小鸟, *鸟儿
🦆 duck, *duckling | 鸭子, 小鸭子, 鸭
🦢 swan | 天鹅, *白天鹅
🦉 owl | 猫头鹰
🦅 eagle, hawk | 鹰, 老鹰
🐧 penguin | 企鹅, 小企鹅
🦜 parrot | 鹦鹉
🦚 peacock | 孔雀
🦩 flamingo | 火烈鸟
🕊 dove, pigeon | 鸽子, 鸽, 和平鸽
🐸 frog | 青蛙, 小青蛙
🐢 turtle, tortoise | 乌龟, 龟, 海龟, *小乌龟
🐍 snake | 蛇, 小蛇
🐊 crocodile, alligator | 鳄鱼
🐉 dragon, chinese dragon | 龙, 中国龙, *巨龙
🐲 dragon face, dragon head | 龙头
🦖 t-rex, dinosaur, tyrannosaurus | 霸王龙, 恐龙
🦄 unicorn | 独角兽
🐋 whale | 鲸鱼, 鲸
🐬 dolphin | 海豚
🦈 shark | 鲨鱼
🐟 fish | 鱼, 小鱼
🐠 tropical fish, *clownfish | 热带鱼, *金鱼
🐙 octopus | 章鱼
🦀 crab | 螃蟹, 蟹
🦐 shrimp, prawn | 虾, 大虾
🐌 snail | 蜗牛
🦋 butterfly | 蝴蝶, *花蝴蝶
🐝 bee, honeybee, honey bee | 蜜蜂, 小蜜蜂
🐞 ladybug, ladybird, lady beetle | 瓢虫
🐜 ant | 蚂蚁
🕷 spider | 蜘蛛
🌹 rose, red rose | 玫瑰, 玫瑰花, 红玫瑰, *一枝玫瑰
🌷 tulip | 郁金香
🌻 sunflower | 向日葵, 葵花, *太阳花
🌸 cherry blossom, sakura | 樱花
🌼 flower, daisy, blossom | 花, 花朵, 小花, 雏菊, *鲜花
💐 bouquet, bunch of flowers, flowers | 花束, 一束花
🪷 lotus, *lotus flower | 荷花, 莲花
🌳 tree, big tree, deciduous tree | 树, 大树, *树木
🌲 pine tree, evergreen tree, fir tree | 松树, *杉树
🌴 palm tree, *palm | 棕榈树, 椰子树
🌵 cactus | 仙人掌
🍁 maple leaf | 枫叶, 红叶
🍄 mushroom, toadstool | 蘑菇, *小蘑菇
🍀 four leaf clover, clover | 四叶草, 幸运草
🍎 apple, red apple | 苹果, 红苹果, *红红的苹果
🍏 green apple | 青苹果, 绿苹果
🍌 banana | 香蕉
🍓 strawberry | 草莓
🍉 watermelon | 西瓜
🍇 grapes, bunch of grapes | 葡萄
🍊 tangerine, mandarin orange, orange fruit | 橘子, 橙子, 桔子
🍋 lemon | 柠檬
🍑 peach | 桃子, 桃, *水蜜桃
🍐 pear | 梨, 梨子
🍒 cherries, cherry | 樱桃
🍍 pineapple | 菠萝, *凤梨
🥭 mango | 芒果
🥝 kiwi, kiwi fruit | 猕猴桃, 奇异果
🍅 tomato | 西红柿, 番茄
🥕 carrot | 胡萝卜
🌽 corn, ear of corn, maize | 玉米
🥑 avocado | 牛油果, 鳄梨
🍆 eggplant, aubergine | 茄子
🥔 potato | 土豆, 马铃薯
🌶 hot pepper, chili, chili pepper | 辣椒, 红辣椒
🍞 bread, loaf of bread, *toast | 面包, 吐司
🥐 croissant | 牛角包, 羊角面包
🍕 pizza, slice of pizza | 披萨, 比萨, *披萨饼
🍔 hamburger, burger, *cheeseburger | 汉堡, 汉堡包
🍟 french fries, fries, chips | 薯条
🌭 hot dog, hotdog | 热狗
🌮 taco | 墨西哥卷饼, 塔可
🍣 sushi | 寿司
🍜 noodles, ramen, bowl of noodles | 面条, 拉面, 一碗面
🍚 rice, cooked rice, bowl of rice | 米饭, 白米饭
🥟 dumpling, dumplings, jiaozi | 饺子, 水饺
🥮 moon cake, mooncake | 月饼
🍳 fried egg, cooking | 煎蛋, 荷包蛋
🥚 egg | 鸡蛋, 蛋
🧀 cheese, cheese wedge | 奶酪, 芝士
🎂 cake, birthday cake | 蛋糕, 生日蛋糕
🍰 piece of cake, shortcake, slice of cake | 小蛋糕, 一块蛋糕
🧁 cupcake, muffin | 纸杯蛋糕
🍩 donut, doughnut | 甜甜圈
🍪 cookie, biscuit | 饼干, 曲奇
🍫 chocolate, chocolate bar | 巧克力
🍬 candy, sweet | 糖果, 糖
🍭 lollipop | 棒棒糖
🍦 ice cream, ice cream cone, soft ice cream | 冰淇淋, 冰激凌, *甜筒
☕ coffee, cup of coffee, hot beverage | 咖啡, 一杯咖啡
🍵 tea, green tea, cup of tea | 茶, 绿茶, 一杯茶
🧋 bubble tea, milk tea, boba | 奶茶, 珍珠奶茶
🍺 beer, mug of beer | 啤酒
🍷 wine, glass of wine, red wine | 红酒, 葡萄酒
🥛 milk, glass of milk | 牛奶, 一杯牛奶
🚗 car, red car, automobile | 汽车, 车, 小汽车, 轿车, *红色小轿车
🚙 blue car, suv, jeep | 越野车, 蓝色汽车
🚕 taxi, cab | 出租车, *的士
🚌 bus | 公交车, 公共汽车, 巴士
🚓 police car | 警车
🚑 ambulance | 救护车
🚒 fire truck, fire engine | 消防车
🚚 truck, lorry, delivery truck | 卡车, 货车
🚜 tractor | 拖拉机
🏎 race car, racing car, sports car | 赛车, 跑车
🚲 bicycle, bike | 自行车, 单车, *脚踏车
🏍 motorcycle, motorbike | 摩托车, *机车
🚂 steam train, steam engine, locomotive | 蒸汽火车, 火车头
🚆 train, *railway train | 火车, 列车
🚄 high-speed train | 高铁, 高速列车
🚢 ship, steamship | 轮船, 船, 大船
⛵ sailboat, boat, sailing boat | 帆船, 小船
✈ airplane, plane, aeroplane | 飞机, *客机
🚁 helicopter | 直升机, 直升飞机
🚀 rocket, spaceship, space rocket | 火箭, 宇宙飞船
🛸 ufo, flying saucer | 飞碟, 外星飞船
🛰 satellite | 卫星, 人造卫星
🏠 house, home, cottage | 房子, 小房子, 房屋, 家, *小屋子
🏡 house with garden, house with a garden | 别墅, 带花园的房子
🏰 castle | 城堡, *古堡
🏢 office building, building, *tall building | 大楼, 办公楼, 楼房
🏫 school | 学校
🏥 hospital | 医院
⛪ church | 教堂
⛺ tent | 帐篷
🎡 ferris wheel | 摩天轮
🎢 roller coaster | 过山车
⛲ fountain | 喷泉
🌋 volcano | 火山
🗻 mount fuji, fuji | 富士山
⛰ mountain | 山, 高山, 大山
🏔 snow-capped mountain, snowy mountain | 雪山
🏝 desert island, island, tropical island | 小岛, 海岛, 岛
☀ sun | 太阳, *红太阳
🌙 moon, crescent moon, crescent | 月亮, 弯月, 月牙
🌕 full moon | 满月, 圆月
🌟 glowing star, shiny star | 闪亮的星星
☁ cloud, white cloud | 云, 白云, 云朵
🌈 rainbow | 彩虹
⚡ lightning, lightning bolt | 闪电
❄ snowflake | 雪花
⛄ snowman | 雪人, *小雪人
🔥 fire, flame | 火, 火焰
🌊 wave, ocean wave | 海浪, 浪花
💧 water drop, drop of water, droplet | 水滴
🌍 earth, planet earth, globe | 地球
🪐 planet, saturn, ringed planet | 土星, 行星
😀 smiley, grinning face, smiley face, *happy face | 笑脸, *开心的脸
😂 laughing face, face with tears of joy | 笑哭
😢 crying face, sad face | 哭脸, 伤心的脸
😡 angry face, enraged face | 生气的脸, 愤怒
😎 cool face, face with sunglasses | 戴墨镜的脸, 酷
😴 sleeping face | 睡觉的脸, 睡着了
🤖 robot | 机器人, *小机器人
👻 ghost | 鬼, 幽灵, *小幽灵
👽 alien | 外星人
💀 skull | 骷髅, 头骨
🎃 jack-o-lantern, halloween pumpkin, pumpkin | 南瓜灯, 南瓜
💩 poop, pile of poo | 便便, 大便
👶 baby | 婴儿, 宝宝, 小宝贝
👦 boy | 男孩, 小男孩
👧 girl, little girl | 女孩, 小女孩
👨 man | 男人
👩 woman | 女人
👴 old man, grandfather, grandpa | 老爷爷, 爷爷
👵 old woman, grandmother, grandma | 老奶奶, 奶奶
👸 princess | 公主
🤴 prince | 王子
🧜‍♀️ mermaid | 美人鱼
🧙 wizard, mage | 魔法师, 巫师
🧚 fairy | 精灵, 小仙女
🎅 santa claus, santa, father christmas | 圣诞老人
👮 police officer, policeman | 警察
🧑‍🚀 astronaut, spaceman | 宇航员, 航天员
🧑‍⚕️ doctor, health worker | 医生
🧑‍🏫 teacher | 老师
🧑‍🍳 cook, chef | 厨师
👷 construction worker, builder | 建筑工人
🥷 ninja | 忍者
🎄 christmas tree | 圣诞树
🎁 gift, present, gift box | 礼物, 礼盒
🎈 balloon, red balloon | 气球
🎆 fireworks | 烟花, 焰火
🧧 red envelope | 红包
🏮 lantern, red lantern | 灯笼, 红灯笼
🧨 firecracker | 鞭炮, 爆竹
⚽ soccer ball, football | 足球
🏀 basketball | 篮球
🎾 tennis ball | 网球
🏆 trophy, gold cup | 奖杯
🎸 guitar | 吉他
🎹 piano, piano keys, keyboard instrument | 钢琴
🎻 violin | 小提琴
🥁 drum | 鼓
🎺 trumpet | 小号
🧸 teddy bear, teddy | 泰迪熊, 玩具熊
🪁 kite | 风筝
🎲 dice, die | 骰子
👑 crown | 皇冠, 王冠
💎 diamond gem, gem, gemstone | 宝石, 钻石
💍 diamond ring, wedding ring | 戒指, 钻戒
👓 glasses, eyeglasses | 眼镜
👕 t-shirt, shirt | T恤, 衣服
👗 dress | 裙子, 连衣裙
👟 sneaker, running shoe, shoe | 运动鞋, 鞋子
🎩 top hat, hat | 礼帽, 帽子
☂ umbrella | 伞, 雨伞
🎒 backpack, school bag | 书包, 背包
📚 books, stack of books, pile of books | 书, 一摞书, 书本
📖 open book, book | 打开的书, 翻开的书
✏ pencil | 铅笔
🔑 key | 钥匙
🔨 hammer | 锤子
⚔ crossed swords, swords, sword | 剑, 双剑, 宝剑
💡 light bulb, bulb, lamp | 灯泡, 灯
🕯 candle | 蜡烛
⏰ alarm clock, clock | 闹钟, 钟
📷 camera | 相机, 照相机
📱 phone, mobile phone, smartphone | 手机
💻 laptop, computer, notebook computer | 笔记本电脑, 电脑
📺 tv, television | 电视, 电视机
🪑 chair | 椅子
🛏 bed | 床
🛋 sofa, couch | 沙发
🚪 door | 门
🐴 horse face, horse head | 马头
🐮 cow face, cow head | 牛头
🐷 pig face, pig head | 猪头
🐯 tiger face, tiger head | 虎头
🐭 mouse face | 鼠头
🐰 rabbit face, bunny face | 兔子头, 兔脸
"""


def code_of(letters: str) -> str:
    """The emoji's code as both packages spell it without the variation selector."""
    return "-".join(f"{ord(letter):04x}" for letter in letters if letter != "\ufe0f")


def _rows() -> dict[str, Row]:
    found: dict[str, Row] = {}
    for line in _TABLE.strip().splitlines():
        letters, names = line.split(" ", 1)
        english, chinese = ([name.strip() for name in half.split(",")] for half in names.split("|"))
        found[code_of(letters)] = Row(
            english=tuple(name for name in english if not name.startswith("*")),
            chinese=tuple(name for name in chinese if not name.startswith("*")),
            unseen=tuple(name[1:] for name in (*english, *chinese) if name.startswith("*")),
        )
    return found


COMMON = _rows()
