PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE job (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 16),
    origin TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    spec_version INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent_job TEXT REFERENCES job (id),
    parent_k INTEGER,
    principal TEXT NOT NULL,
    guild INTEGER,
    channel INTEGER,
    context TEXT,
    permissions INTEGER NOT NULL,
    locale TEXT NOT NULL,
    priority INTEGER NOT NULL,
    cost REAL NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    state TEXT NOT NULL CHECK (state IN (
        'queued', 'offered', 'running', 'rendered', 'posted', 'undeliverable', 'failed', 'cancelled'
    )),
    attempt INTEGER NOT NULL DEFAULT 1,
    engine TEXT,
    charged INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    error_arguments TEXT,
    told INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    offered REAL,
    started REAL,
    ended REAL,
    posted REAL
) STRICT;
INSERT INTO job VALUES(1,'zqpwa54u7lmaz5sg','1575938544336109568','{"prompt":"a red fox","negative":"","shape":"3:2","width":320,"height":208,"steps":6,"guidance":0.0,"seed":7,"count":2,"kind":"image","source":"e78906496e745263dc17d4311995b8d59796c99253812239cc72c2b1779cacc9","strength":0.6,"mask":null,"region":null,"margins":null,"upscaler":"subtle","variety":0.0,"blend":null,"loras":[],"control":null,"style":{"name":"Moonlit","template":"{prompt} in moonlight"},"enhance":false,"quality":false,"enhanced":""}',1,'fake-1','image',NULL,NULL,'discord:1100000000000000011',1100000000000000001,1100000000000000021,'guild',0,'en-US',0,0.53247999999999995335,2,'posted',1,NULL,1,0,NULL,NULL,1,1795803428.6964831352,1795803428.7003753184,1795803428.754999876,1795803428.9399764537,1795803429.0303041935);
INSERT INTO job VALUES(2,'c5ab3wfagyc5osgb','1575938546726862848','{"prompt":"a lighthouse that waits","negative":"","shape":"1:1","width":256,"height":256,"steps":6,"guidance":0.0,"seed":8,"count":1,"kind":"text","source":null,"strength":1.0,"mask":null,"region":null,"margins":null,"upscaler":"subtle","variety":0.0,"blend":null,"loras":[],"control":null,"style":null,"enhance":false,"quality":false,"enhanced":""}',1,'fake-1','text',NULL,NULL,'discord:1100000000000000011',1100000000000000001,1100000000000000021,'guild',0,'en-US',0,0.39321600000000000996,1,'queued',1,NULL,0,0,NULL,NULL,0,1795803429.0647268295,NULL,NULL,NULL,NULL);
CREATE TABLE image (
    job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    k INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    blob TEXT,
    bytes INTEGER,
    seconds REAL,
    state TEXT NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'painted', 'failed')),
    error TEXT,
    error_arguments TEXT,
    PRIMARY KEY (job, k),
    CHECK (state <> 'painted' OR blob IS NOT NULL)
) STRICT, WITHOUT ROWID;
INSERT INTO image VALUES('c5ab3wfagyc5osgb',0,8,256,256,NULL,NULL,NULL,'wanted',NULL,NULL);
INSERT INTO image VALUES('zqpwa54u7lmaz5sg',0,7,320,208,'e73b2291daeeefb96f69d96939f22122959756c7c52b8ec5e6fe68cd208d0f2e',851,0.080000000000000001665,'painted',NULL,NULL);
INSERT INTO image VALUES('zqpwa54u7lmaz5sg',1,8,320,208,'a7f2b2ca582640f61db69fb0ed2cc7dd3e6bdd99849a4c13d239fe4bc2d2994c',863,0.080000000000000001665,'painted',NULL,NULL);
CREATE TABLE message_ref (
    job TEXT PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    channel INTEGER NOT NULL,
    message INTEGER NOT NULL,
    upload_limit INTEGER,
    gone INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO message_ref VALUES('zqpwa54u7lmaz5sg',1100000000000000021,1575938544361275392,10485760,0);
INSERT INTO message_ref VALUES('c5ab3wfagyc5osgb',1100000000000000021,1575938546747834368,10485760,0);
CREATE TABLE interaction_token (
    job TEXT PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    token TEXT NOT NULL,
    application INTEGER NOT NULL,
    at REAL NOT NULL
) STRICT;
INSERT INTO interaction_token VALUES('zqpwa54u7lmaz5sg','VSVe-7qPBdn_FF1uZbAQbHzLS73sXaRjqA45dQ67yEQUyLEIVQbQL44H3Py5mLZG',1100000000000000002,1795803428.4920001029);
INSERT INTO interaction_token VALUES('c5ab3wfagyc5osgb','v0uRtFHiQLcFAwTgah1mcaIHVlnId6oJMj76ANrIsQqV9l9Wu30SL7OjhXysMRbt',1100000000000000002,1795803429.0620000362);
CREATE TABLE usr (
    principal TEXT PRIMARY KEY,
    vtime REAL NOT NULL DEFAULT 0,
    weight REAL NOT NULL DEFAULT 1 CHECK (weight > 0)
) STRICT;
INSERT INTO usr VALUES('discord:1100000000000000011',0.53247999999999995335,1.0);
CREATE TABLE setting (
    scope TEXT NOT NULL CHECK (scope IN ('owner', 'guild', 'channel', 'user')),
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    by TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (scope, scope_id, key)
) STRICT;
INSERT INTO setting VALUES('guild','1100000000000000001','style:moonlit','{"name":{"en":"Moonlit","zh":""},"template":{"en":"{prompt} in moonlight","zh":""}}','discord:1100000000000000015',1795803426.4610285759);
INSERT INTO setting VALUES('guild','1100000000000000001','steps','6','discord:1100000000000000015',1795803427.4632322787);
CREATE TABLE setting_event (
    seq INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    by TEXT NOT NULL,
    at REAL NOT NULL
) STRICT;
INSERT INTO setting_event VALUES(1,'guild','1100000000000000001','style:moonlit','{"name":{"en":"Moonlit","zh":""},"template":{"en":"{prompt} in moonlight","zh":""}}','discord:1100000000000000015',1795803426.4610285759);
INSERT INTO setting_event VALUES(2,'guild','1100000000000000001','steps','6','discord:1100000000000000015',1795803427.4632322787);
CREATE TABLE job_event (
    seq INTEGER PRIMARY KEY,
    job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    event TEXT NOT NULL,
    detail TEXT
) STRICT;
INSERT INTO job_event VALUES(1,'zqpwa54u7lmaz5sg',1795803428.6987411975,'accepted',NULL);
INSERT INTO job_event VALUES(2,'zqpwa54u7lmaz5sg',1795803428.7005763054,'offered',NULL);
INSERT INTO job_event VALUES(3,'zqpwa54u7lmaz5sg',1795803428.7551465034,'running',NULL);
INSERT INTO job_event VALUES(4,'zqpwa54u7lmaz5sg',1795803428.9401538372,'rendered',NULL);
INSERT INTO job_event VALUES(5,'zqpwa54u7lmaz5sg',1795803429.0303041935,'posted',NULL);
INSERT INTO job_event VALUES(6,'c5ab3wfagyc5osgb',1795803429.065217018,'accepted',NULL);
CREATE TABLE fact (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO fact VALUES('model-card','{"id":"fake-1","name":"Fake Painter","shapes":{"1:1":[256,256],"2:3":[208,320],"3:2":[320,208],"3:4":[224,288],"4:3":[288,224],"9:16":[192,336],"16:9":[336,192]},"max_side":512,"max_pixels":262144,"native_pixels":65536,"steps":{"default":8,"min":1,"max":60},"prompt_tokens":256,"features":["text","image","inpaint","outpaint","vary","variety","upscale","creative","guidance","style","enhance","quality"],"loras":[],"controls":[],"latent_rgb":[],"latent_rgb_bias":[0.5,0.5,0.5],"variety_reach":0.75,"licence":"MIT"}');
INSERT INTO fact VALUES('commands:1100000000000000002','2fee0a8db0d2168e47989050d8601e51d141d513f1a76c434c02ada1bda299c1');
INSERT INTO fact VALUES('virtual-time','0.0');
INSERT INTO fact VALUES('pace:fake-1:cpu:float32:1','0.34904069448743896');
CREATE TABLE pending (
    origin TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    payload TEXT NOT NULL CHECK (json_valid(payload)),
    tries INTEGER NOT NULL DEFAULT 0,
    at REAL NOT NULL
) STRICT;
CREATE TABLE removal (
    message INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL,
    token TEXT,
    application INTEGER,
    at REAL NOT NULL
) STRICT;
CREATE TABLE left_behind (
    job TEXT PRIMARY KEY,
    channel INTEGER NOT NULL,
    message INTEGER NOT NULL,
    author TEXT NOT NULL
) STRICT;
CREATE INDEX job_by_state ON job (state, seq);
CREATE INDEX job_by_principal ON job (principal, created);
CREATE INDEX job_untold ON job (seq) WHERE told = 0;
CREATE INDEX image_by_blob ON image (blob) WHERE blob IS NOT NULL;
CREATE INDEX job_event_by_job ON job_event (job, seq);
COMMIT;
PRAGMA user_version = 3;
