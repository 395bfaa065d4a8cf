# English. Every key here exists in each other file; tests/bot/test_translations.py says so.

## Refusals: refusal-<code of bot/jobs/errors.py>

refusal-refused = That cannot be done.
refusal-invalid = This cannot be painted as it stands.
refusal-empty-prompt = Tell me what to paint: the prompt is empty.
refusal-prompt-too-long = The prompt has { $length } characters; { $limit } is the most.
refusal-unknown-shape = There is no shape “{ $shape }”. Choose one of: { $shapes }.
refusal-size-unfit = This model does not paint { $shape } well. It paints squares from { $least } to { $most } pixels a side, or as much in another shape, at most { $longest } a side.
refusal-out-of-range = “{ $name }” must lie between { $least } and { $most }; you gave { $value }.
refusal-steps-over-ceiling = { $steps } steps are more than the { $ceiling } allowed here.
refusal-negative-without-guidance = A negative prompt does nothing at guidance 0. Leave guidance out, or set it above 0.
refusal-strength-without-image = Strength says how much of your image to repaint, so it needs an image.
refusal-not-offered = The model that is loaded cannot do this: { $feature }.
refusal-beyond-engines = No painter that is there can do all of this at once. Leave something out and try again.
refusal-too-large = That would be { $width } × { $height }; this model paints at most { $most } pixels a side.
refusal-bad-picture = This file cannot be used.
refusal-empty-picture = This file is empty.
refusal-not-a-picture = This file is not a picture I can read. Send a PNG, JPEG, WebP or GIF.
refusal-picture-too-heavy = This file has { $size } MiB; { $limit } MiB is the most.
refusal-too-many-tokens = Your words are too long for this model: { $tokens } tokens, { $limit } is the most. A style’s own words count too.
refusal-too-many-pixels = This picture has { $width } × { $height } pixels; { $limit } megapixels is the most.
refusal-foreign-picture = I only read pictures that were uploaded to Discord.
refusal-picture-not-fetched = I could not fetch this picture from Discord. Please try again.
refusal-picture-takes-too-long = This picture takes too long to read. Save it anew, as a plain PNG or JPEG, and send that.
refusal-limit-reached = You have reached your limit of { $limit }. Try again after { $retry }.
refusal-per-minute-reached = You may ask for { $limit ->
        [one] one picture
       *[other] { $limit } pictures
    } a minute. Try again after { $retry }.
refusal-per-day-reached = You may ask for { $limit ->
        [one] one picture
       *[other] { $limit } pictures
    } a day. Try again after { $retry }.
refusal-in-flight-reached = { $limit ->
        [one] One of your requests is
       *[other] { $limit } of your requests are
    } still on the way, which is the most at once. Try again when one is done.
refusal-queue-full = The queue is full ({ $limit }). Try again after { $retry }.
refusal-unavailable = Nothing can be painted right now. Try again in a minute.
refusal-painter-loading = The painter is still loading. Try again in a minute.
refusal-painter-broken = The painter cannot start, so nothing can be painted until the bot’s owner has seen to it.
refusal-painter-broken-owner = The painter cannot start. { $problem }
refusal-paused = Painting is paused here. An admin will resume it.
refusal-interrupted = I was interrupted several times while I read your picture, so I have given it up. Please try again.
refusal-disk-full = My disk is nearly full. The bot’s owner has to make room; then try again.
refusal-not-allowed = You may not do this.
refusal-ledger-held = I cannot write anything down just now. Please try again in a moment.
refusal-not-yours = This is somebody else’s picture: only its author or a moderator may do that.
refusal-needs-admin = This needs the permission Manage Server.
refusal-needs-owner = Only the owner of this bot may do that.
refusal-not-there = That does not exist.
refusal-unknown-job = I do not know this picture any more.
refusal-unreadable-job = This picture was made by another version of me, and I cannot read what was asked for.
refusal-unknown-button = This button comes from another version of me, and I do not know what it does.
refusal-unknown-form = This form comes from another version of me. Open it again and send it once more.
refusal-picture-gone = This picture is no longer stored.
refusal-nothing-to-cancel = You have nothing waiting or being painted.
refusal-not-among-yours = Nothing that you have waiting or being painted says “{ $typed }”: choose one from the list.
refusal-several-fit = More than one of your requests says “{ $typed }”: choose one from the list.
refusal-already-deleted = This picture is already deleted.
refusal-too-late = Too late: that is already done.
refusal-bad-setting = “{ $value }” does not fit “{ $key }”. Allowed: { $allowed }.
refusal-over-ceiling = “{ $key }” cannot be { $value }: the owner of this bot allows at most { $ceiling }.

yes = true
no = false
bug = Something went wrong on my side. It is noted as { $id }.
request-given-up = { $who }: I could not carry on with your request. { $reason }
outdated-command = This command has changed. Reload Discord and try again.

## Failures: failure-<code an engine or the dispatcher sends>

failure-unknown = The painter could not finish this picture.
failure-out-of-memory = The painter ran out of memory. Try a smaller shape or fewer pictures.
failure-flat-picture = The painting came out empty. Try another seed.
failure-bad-source = The painter could not read the image to start from.
failure-worker-error = The painter stumbled over this picture. Try again.
failure-prompt-too-many-tokens = The prompt is too long for this model: { $tokens } tokens, { $limit } is the most.
failure-too-large = That size is more than this model can paint.
failure-too-heavy = These images are too large to travel to the painter. Try a smaller image or a smaller shape.
failure-painter-broken = The painter could not start for ten minutes, so this was not painted. Press Reroll once it is back.
failure-poison = The painter broke down over this picture more than once, so it was given up.

## The message of a job

waiting = Waiting
waiting-next = Next in line
waiting-handed = About to be painted
waiting-paused = Painting is paused
waiting-place = Place { $place } in the queue
waiting-again = The painter had to restart; this picture waits again
waiting-painter = The painter is starting
waiting-broken = The painter cannot start at the moment
presence-loading = The painter is loading
presence-broken = The painter cannot start
painting = Painting
painting-step = { $step } / { $steps }
finishing = Finishing
due-at = ready about { $when }
cancelled = Cancelled
failed = Not painted
not-shown = Painted and kept, but Discord does not take it here: your next command brings it to you in private.
further-up = { $who }: your request has ended; look further up in this thread.
words-refused = (Discord refused to show the words of this prompt.)
brought = This was painted for you earlier and could not be shown where you asked for it.
brought-deleted = This was painted for you earlier. Its message was deleted before it was done, so it is shown to you alone.
shown-as = Shown as { $format } because of Discord’s size limit; the PNG is kept.

small-model = This small model knows { $about }; the full Z-Image-Turbo paints anything. Try “{ $one }” or “{ $two }”.

parameter-seed = seed { $seed }
parameter-seeds = seeds { $first } to { $last }
parameter-steps = { $steps ->
        [one] one step
       *[other] { $steps } steps
    }
parameter-guidance = guidance { $guidance } (twice the time)
parameter-strength = strength { $strength }
parameter-seconds = { $seconds } s
parameter-negative = without: { $negative }
kind-image = from an image
kind-variation = variation
kind-upscale = upscaled
some-missing = { $missing ->
        [one] One picture
       *[other] { $missing } pictures
    } could not be painted.
guidance-doubles = Guidance is on at { $guidance }: every step is painted twice, so this takes twice the time.
alt-picture = { $prompt }
alt-pictures = Picture { $k } of { $count }: { $prompt }
alt-preview = Preview: { $prompt }

button-reroll = Reroll
button-vary = Vary { $k }
button-vary-only = Vary
button-upscale = Upscale { $k }
button-upscale-only = Upscale
button-finish = Finish
button-finish-all = Finish all
button-edit = Edit
button-delete = Delete
button-remove = Delete for good
button-cancel = Cancel
button-prompt = Full prompt

full-prompt = Full prompt
delete-question = Delete this picture? Its message goes for everybody, and this cannot be undone.
delete-done = Deleted: its message disappears in a moment.

## The form behind Edit

form-title = Edit and paint again
form-choose = Choose one
form-prompt = Prompt
form-negative = Negative prompt
form-negative-note = What to leave out. Takes twice the time.
form-shape = Shape
form-seed = Seed
form-seed-note = Empty for a new one.
form-steps = Steps
form-steps-note = { $least } to { $most }
form-region-title = Paint a part anew
form-region = Part
form-part-note = What to see there; the rest stays exactly as it is

## Commands: command-<name>, command-<name>-text, option-<name>, option-<name>-text

command-imagine = imagine
command-imagine-text = Paint a picture from words
command-queue = queue
command-queue-text = See who is waiting and when your picture comes
command-cancel = cancel
command-cancel-text = Cancel what you have waiting or being painted
command-forget = forget
command-forget-text = Delete what this bot has stored of you
command-forget-me = me
command-forget-me-text = Delete your prompts, pictures and requests here for good; it cannot be undone
command-help = help
command-help-text = How to use this bot, on one screen
command-settings = settings
command-settings-text = What your own pictures are like when you do not say
command-settings-show = show
command-settings-show-text = Show the settings that apply to you here
command-settings-set = set
command-settings-set-text = Change one of your settings; it follows you everywhere
command-settings-reset = reset
command-settings-reset-text = Forget one of your settings, or all of them
command-admin = admin
command-admin-text = Settings of this server
command-admin-defaults = defaults
command-admin-defaults-text = What a picture is like when nobody says otherwise
command-admin-show = show
command-admin-show-text = Show the settings that apply here
command-admin-set = set
command-admin-set-text = Change a setting for this server or one channel
command-admin-reset = reset
command-admin-reset-text = Forget a setting of this server or one channel
command-admin-status = status
command-admin-status-text = The painter, the queue and what is paused
command-admin-engines = engines
command-admin-engines-text = Every engine: its model, device, speed and what it can do
command-admin-pause = pause
command-admin-pause-text = Accept no new pictures
command-admin-resume = resume
command-admin-resume-text = Accept pictures again

option-prompt = prompt
option-prompt-text = What to paint, in your own words
option-shape = shape
option-shape-text = Square, portrait, landscape, wide, tall …
option-seed = seed
option-seed-text = The same seed and words give the same picture
option-count = count
option-count-text = How many pictures
option-steps = steps
option-steps-text = More steps take longer
option-guidance = guidance
option-guidance-text = How strictly to follow the words; 0 is off, more takes twice the time
option-negative = negative
option-negative-text = What to leave out; turns guidance on and takes twice the time
option-image = image
option-image-text = A picture to start from
option-strength = strength
option-strength-text = How much of that picture to repaint, from 0.05 to 1
option-picture = picture
option-picture-text = Which one; all of yours if you leave this out
option-setting = setting
option-setting-text = Which setting
option-setting-all-text = Which setting; all of yours if you leave this out
option-value = value
option-value-text = The new value
option-channel = channel
option-channel-text = For this channel only; for the whole server if you leave this out
option-everywhere = everywhere
option-everywhere-text = On all servers (the bot’s owner only)

shape-1x1 = Square
shape-2x3 = Portrait
shape-3x2 = Landscape
shape-3x4 = Portrait
shape-4x3 = Landscape
shape-9x16 = Tall
shape-16x9 = Wide
shape-9x21 = Very tall
shape-21x9 = Very wide

setting-shape = shape
setting-steps = steps
setting-guidance = guidance
setting-count = count
setting-per_minute = pictures a minute
setting-per_day = pictures a day
setting-in_flight = requests at once
about-shape = shape: the shape of a picture when nobody says one
about-steps = steps: passes over each picture; fewer are faster and rougher
about-guidance = guidance: how strictly the words are followed once there is a negative prompt; twice the time
about-count = count: pictures of one request when nobody says how many
about-variety = variety: how far the pictures of one request differ, from 0 to 1
about-per_minute = pictures a minute: the most that one person may ask for
about-per_day = pictures a day: the most that one person may ask for
about-in_flight = requests at once: the most that one person may have waiting or being painted
admin-range = { $least } to { $most }; now { $now }
feature-image = starting from an image
feature-vary = variations
feature-upscale = upscaling
feature-guidance = guidance and negative prompts
feature-text = text to image

## Answers

queue-empty = Nobody is waiting.
queue-title = Queue
queue-count = { $waiting ->
        [0] No request is waiting
        [one] One request is waiting
       *[other] { $waiting } requests are waiting
    }, { $running ->
        [0] none is
        [one] one is
       *[other] { $running } are
    } being painted.
queue-paused = Painting is paused.
queue-mine-painting = being painted
queue-mine-handed = about to be painted
queue-mine-place = place { $place }
queue-none-mine = None of them is yours.
forget-nothing = There was nothing stored of you.
forget-settings = Your settings are forgotten. Nothing else was stored of you.
forget-question = { $count ->
        [0] None of your requests is stored any more.
        [one] I would delete one request of yours, with its words, its pictures and your settings, and stop what is being painted.
       *[other] I would delete { $count } requests of yours, with their words, their pictures and your settings, and stop what is being painted.
    } This cannot be undone.
forget-question-messages = { $count ->
        [one] One message that I posted shows your picture. It stays and you can still delete it, or it goes too.
       *[other] { $count } messages that I posted show your pictures. They stay and you can still delete each, or they go too.
    }
button-forget-keep = Forget me
button-forget-delete = Forget me and delete the messages
forget-done-keep = { $count ->
        [0] There was nothing more stored of you.
        [one] Deleted your request with its words and pictures. A message that I posted stays until you press More and Delete under it.
       *[other] Deleted your { $count } requests with their words and pictures. Messages that I posted stay until you press More and Delete under them.
    }
forget-done-delete = { $count ->
        [0] Deleted: the messages that I posted for you disappear soon.
        [one] Deleted your request with its words and pictures; the messages that I posted for you disappear soon.
       *[other] Deleted your { $count } requests with their words and pictures; the messages that I posted for you disappear soon.
    }
cancel-done = { $count ->
        [one] Cancelled one request.
       *[other] Cancelled { $count } requests.
    }

admin-defaults = Settings
admin-from-owner = from the bot’s owner
admin-from-guild = from the server
admin-from-channel = from the channel
admin-from-user = your own
settings-set = Set for you, everywhere: { $key } = { $value }.
settings-reset = Forgotten: your { $key }.
settings-reset-all = All of your settings are forgotten.
settings-reset-none = You have not set that.
admin-setting = - { $key }: **{ $value }** · { $source }
admin-automatic = the model’s own
admin-set = Set for { $scope }: { $key } = { $value }.
admin-reset = Reset for { $scope }: { $key }.
admin-scope-guild = this server
admin-scope-channel = { $channel }
admin-paused-guild = Painting is paused on this server. What is waiting is kept until it is resumed.
admin-paused-owner = Painting is paused everywhere. What is waiting is kept until it is resumed.
admin-resumed-guild = Painting is resumed on this server.
admin-resumed-owner = Painting is resumed everywhere.
admin-status = Status
admin-no-painter = No painter is connected.
admin-painter = { $model } on { $device } ({ $dtype }), { $state }
admin-painter-policy = weights: { $policy }
policy-resident = all of them stay loaded
policy-encoder-evicted = the text encoder leaves while it paints
policy-fp8-storage = kept in 8 bits
policy-group-offload = loaded group by group
policy-sequential = loaded layer by layer
admin-painter-speed = about { $seconds } s a picture
admin-engines = Engines
admin-engines-more = and { $count } more
admin-engine-files = { $kind }: { $names }
admin-engine-memory = { $gigabytes } GiB
admin-engine-orders = { $count ->
    [one] holds 1 request
   *[other] holds { $count } requests
}
engine-loading = loading
engine-broken = cannot start
engine-ready = ready
engine-lost = gone, restarting

help-title = Painting with words
help-body =
    - **`/imagine`** and a prompt: say what to see, in your own words, in English or Chinese. All else is optional.
    - **Reroll** paints it again from a new seed. **Vary** keeps the picture and changes its details. **Upscale** doubles its size. **Edit** changes the words.
    - **`/queue`** shows who is waiting, **`/cancel`** takes back what is yours.
help-style = - `style` says how it is painted.
help-enhance = - `enhance` writes your words out into a full prompt.
help-quality = - `quality` adds a pass for fine detail.
help-variety = - `variety` keeps several pictures of one prompt from being twins.
help-image = - `image` starts from your own picture. `strength` says how much of it to repaint, `mask` or `region` which part; transparent parts are painted too.
help-rest =
    - The same seed and words give the same picture.
    - Options may stand among the words: `a cat --ar 3:2 --no fog`. **`/settings`** keeps those that you always want.
    - **More** shows what else there is: zooming out, painting on beyond an edge, the original file, Delete.
help-steps-title = Steps
help-steps-half = rough, in half the time
help-steps-default = what the model is made for
help-steps-double = twice the time, rarely better
help-guidance-title = Guidance
help-guidance-off = off: fast, no negative prompt
help-guidance-on = truer to the words, half speed
help-guidance-high = harsh colours, half speed

## Styles, enhance, quality

refusal-unknown-style = There is no style “{ $style }”. Pick one from the list that appears while you type.
refusal-bad-style = That is no style as it stands.
refusal-style-name-unfit = A style’s name has 1 to { $limit } characters on one line.
refusal-style-too-long = The template has { $length } characters; { $limit } is the most.
refusal-style-without-prompt = A template needs { "{" }prompt{ "}" } exactly once, where the person’s words go; yours has it { $found } times.
refusal-style-taken = There is already a style “{ $style }”.
refusal-too-many-styles = This server has { $limit } styles of its own, which is the most. Remove one first.
refusal-nothing-to-change = Nothing would change: give another name or template.

feature-style = styles
feature-enhance = writing a prompt out (enhance)
feature-quality = the pass for fine detail (quality)

option-style = style
option-style-text = How it is painted: photo, anime, ink painting, poster …
option-enhance = enhance
option-enhance-text = Let the model write your words out into a full prompt; yours stay beside it
option-quality = quality
option-quality-text = Written-out prompt and a second pass for fine detail; takes longer
option-style_name = name
option-style_name-text = The style’s name, as people pick it
option-template = template
option-template-text = Words around { "{" }prompt{ "}" }, for example: an oil painting of { "{" }prompt{ "}" }
option-chinese_name = chinese_name
option-chinese_name-text = Its name for those who read Chinese
option-chinese_template = chinese_template
option-chinese_template-text = The template for prompts in Chinese

command-admin-styles = styles
command-admin-styles-text = Styles of this server
command-admin-styles-list = list
command-admin-styles-list-text = Show the styles that can be asked for here
command-admin-styles-add = add
command-admin-styles-add-text = Add a style
command-admin-styles-change = change
command-admin-styles-change-text = Change a style here; what you leave out stays
command-admin-styles-remove = remove
command-admin-styles-remove-text = Take a style away here
command-admin-styles-restore = restore
command-admin-styles-restore-text = Undo changes to a style, or bring a removed one back

styles-title = Styles
styles-none = There are none here.
styles-more = and { $count } more
styles-line = - **{ $name }**: { $template }
styles-added = Added the style { $name }.
styles-changed = Changed the style { $name } for this server. Pictures already asked for keep the old one.
styles-removed = Removed the style { $name } from this server.
styles-restored = The style { $name } is back as it came with the bot.

size-rounded = { $size }, the nearest that the model paints to { $asked }
parameter-style = style { $style }
parameter-enhanced = written out: { $text }
parameter-quality = fine detail (+{ $percent } % time)
writing = Writing the prompt
quality-costs = Quality: { $steps } more steps for fine detail, about { $percent } % more time.
quality-writes = Quality: the model writes the prompt out first, then { $steps } more steps for fine detail, about { $percent } % more time.

## Painting in part, and the panel behind More

refusal-mask-without-image = A mask or a region says which part of your image to repaint, so it needs an image.
refusal-mask-or-region = Give a mask or a region, not both.
refusal-mask-paints-nothing = This mask has nothing white in it, and only what is white is repainted.
refusal-mask-paints-everything = This mask is white all over, so nothing of your image would be left. Leave it out to repaint the whole image.
refusal-mask-of-another-shape = The mask ({ $width } × { $height }) must have the proportions of your image ({ $image_width } × { $image_height }).
refusal-nothing-to-finish = There is nothing to finish: the model that is loaded did not paint this, or paints it in no more steps.
refusal-original-too-heavy = The original has { $size } MiB, and Discord takes at most { $limit } MiB here.

failure-nothing-to-paint = The mask is white only where your image is cut off to fit its shape, so there was nothing to repaint.

kind-inpaint = repainted in part
kind-outpaint = extended
region-left = left half
region-right = right half
region-top = top half
region-bottom = bottom half
region-centre = centre

button-more = More
button-pick = Picture { $k }
button-zoom15 = Zoom out 1.5×
button-zoom2 = Zoom out 2×
button-pan-left = Pan left
button-pan-right = Pan right
button-pan-top = Pan up
button-pan-bottom = Pan down
button-region = Paint a part
button-quality = Fine detail
button-enhance = Write out words
button-original = Original file
button-command = Command
button-parameters = Parameters
more-question = Which picture?
title-more = More of this picture
title-more-of = More of picture { $k }
more-zoom = From farther away: what lies around it is painted
more-pan = More on one side: the picture stays as it is and grows
more-anew = Painted again: a part of it, finer, or from fuller words
more-kept = To keep: its file, the command to paste, all that made it
title-parameters = Parameters
title-parameters-of = Parameters of picture { $k }
parameter-model = model { $model }
parameter-asked = asked for { $when }, job { $id }
copy-this = Paste this to paint it again, or change it first.
copy-this-with-picture = Paste this to paint it again, or change it first. A command cannot name the picture that this one started from: attach it again.
original = The PNG as it was painted, with its recipe inside.

option-mask = mask
option-mask-text = With image: a picture that is white where it should be repainted
option-region = region
option-region-text = With image: the part to repaint; the rest stays exactly as it is

feature-inpaint = repainting a part of an image
feature-outpaint = painting beyond the edges

## Variety, and ways of making a picture larger

option-variety = variety
option-variety-text = Sets the pictures of one prompt apart, from 0 to 1; high values stray from the words
setting-variety = variety
feature-variety = variety
feature-creative = creative upscaling
feature-sharp = sharp upscaling

parameter-variety = variety { $variety }
parameter-near = close to seed { $seed }
kind-upscale-creative = upscaled, creative
kind-upscale-sharp = upscaled, sharp

more-vary = Variations: a subtle one stays close, a strong one does not
button-vary-subtle = Vary subtle
button-vary-strong = Vary strong
more-upscale = Twice as large, in another way
button-upscale-creative = Upscale creative
button-upscale-sharp = Upscale sharp

## LoRA and control

refusal-unknown-lora = There is no LoRA “{ $lora }”. Type a part of its name and pick one from the list.
refusal-same-lora-twice = “{ $lora }” is given twice. Name each LoRA once, with the weight you want.
refusal-lora-weight-without-lora = A weight says how strongly a LoRA is applied, so it needs a LoRA.
refusal-bad-flag = I cannot read { $flag } in the prompt.
refusal-unknown-flag = I do not know { $flag }. What can be typed into the prompt is { $flags }.
refusal-flag-needs-number = { $flag } needs a number after it; you gave “{ $value }”.
refusal-flag-needs-words = { $flag } needs something after it.
refusal-flag-twice = { $flag } is in the prompt twice, with different values. Keep one of them.
refusal-flag-contradicts = { $flag } in the prompt and the option { $name } say different things. Keep one of them.
refusal-too-many-loras = { $limit } LoRAs is the most for one picture.
refusal-unknown-control = A painting cannot follow “{ $control }” here. Choose one of: { $controls }.
refusal-control-without-picture = Control needs a picture to follow: attach it as control_image.
refusal-control-picture-without-kind = Say with control what the attached control image shows, for example a sketch or a pose.

failure-lora-gone = The LoRA “{ $lora }” is no longer there. Try again without it.
failure-lora-unusable = The LoRA file { $file } does not work with this model, so nothing was painted.
failure-bad-control = The painter could not read the control image.

lora-unused = { $name } ({ $count ->
    [one] 1 tensor
   *[other] { $count } tensors
} unused)
parameter-lora = LoRA { $lora } × { $weight }
parameter-control = follows { $kind } × { $strength }
control-canny = Edges
control-depth = Depth
control-pose = Pose
control-scribble = Sketch
control-tile = Tile

option-lora = lora
option-lora-text = A style or subject that was trained for this model; type to search
option-lora_weight = lora_weight
option-lora_weight-text = How strongly it is applied, -4 to 4; 1 if you leave this out, less is often better
option-lora2 = lora2
option-lora2-text = A second one; two together can weaken each other
option-lora2_weight = lora2_weight
option-lora2_weight-text = How strongly the second one is applied, -4 to 4
option-control = control
option-control-text = What the painting keeps of the control image: its edges, depth, pose, sketch or details
option-control_image = control_image
option-control_image-text = The picture to follow; edges are found in any picture, the other kinds need theirs ready-made
option-control_strength = control_strength
option-control_strength-text = How closely to follow it, 0.05 to 2; 0.75 if you leave this out

feature-lora = LoRAs
feature-control = following a control image

## The model and its change

refusal-model-stays = The model stays as it is.
refusal-no-engine-here = This bot has no engine of its own. Engines at a broker take their model from where they are started (--model).
refusal-unknown-model = There is no model “{ $model }”. There are: { $models }.
refusal-same-model = “{ $model }” is already the model.
refusal-model-changing = Another change of models is under way. Try again when it is done.
failure-beyond-engines = No painter that is there can do this any more, and none has come for ten minutes. Press Reroll to try again.
failure-model-changed = The model was changed, and the one that paints now cannot do this. Press Reroll to ask it in its own size.
waiting-model = The painter is changing its model; this picture waits

command-admin-model = model
command-admin-model-text = Show the model that paints, or change it (the bot’s owner only)
option-model = model
option-model-text = The model to change to; leave it out to see which there are

model-title = Model
model-current = The engine was started with **{ $model }**.
model-offered = There are: { $models }
model-finishing = Changing to **{ $model }**: what is being painted is finished first, what waits is kept.
model-loading = Changing to **{ $model }**: it is loading.
model-returning = **{ $model }** does not load: { $problem } Going back to the previous model.
model-ready = **{ $model }** paints now, and will after restarts.
model-failed = **{ $model }** does not load: { $problem } The previous model is back.
