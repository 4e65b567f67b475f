BEGIN TRANSACTION;
CREATE TABLE denylist (
            id INTEGER PRIMARY KEY,
            manifest TEXT NOT NULL,
            package TEXT NOT NULL,
            version TEXT NOT NULL,
            run TEXT NOT NULL REFERENCES runs,
            at REAL NOT NULL,
            reason TEXT NOT NULL,
            lifted_at REAL,
            lifted_by TEXT
        );
INSERT INTO "denylist" VALUES(1,'0101010101010101010101010101010101010101010101010101010101010101','gateway','2.4.0','20260202-024000-0000',1770000000.0,'validation failed on web2',NULL,NULL);
CREATE TABLE events (
            run TEXT NOT NULL REFERENCES runs,
            seq INTEGER NOT NULL,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            doc TEXT NOT NULL,
            PRIMARY KEY (run, seq)
        ) WITHOUT ROWID;
INSERT INTO "events" VALUES('20260202-024000-0000',1,1770000000.0,'run_started','{"kind":"run_started","v":1,"at":1770000000.0,"run":"20260202-024000-0000","plan":"gateway-2.4","plan_source":"plan.yml","plan_digest":"d1","operator":"ops","nonce":"n0","spec":{"waves":[{"name":"everyone","cohort":"everyone","hosts":["web1","web2"],"bake":0.0}],"max_parallel":50,"max_unavailable":null,"max_failures":{"limit":{"value":0,"percent":false},"min_sample":1},"max_unreachable":{"limit":{"value":0,"percent":false},"min_sample":1,"then":"fail"},"on_halt":"rollback-wave","commit":"wave","resample":10,"silent":300.0,"zones":{}},"targets":[{"package":"gateway","version":"2.4.0","release":"2.4.0-0123456789ab","manifest":"0101010101010101010101010101010101010101010101010101010101010101"}],"options":{}}');
INSERT INTO "events" VALUES('20260202-024000-0000',2,1770000000.0,'controller_started','{"kind":"controller_started","v":1,"at":1770000000.0,"controller":"far-ops:4711:99:another-boot/1"}');
INSERT INTO "events" VALUES('20260202-024000-0000',3,1770000001.0,'action_begun','{"kind":"action_begun","v":1,"at":1770000001.0,"host":"web1","action":"stage","attempt":1}');
INSERT INTO "events" VALUES('20260202-024000-0000',4,1770000002.0,'action_ended','{"kind":"action_ended","v":1,"at":1770000002.0,"host":"web1","action":"stage","result":"done","attempt":1,"reason":"","output":"","facts":{"bytes":5}}');
CREATE TABLE requests (
            id INTEGER PRIMARY KEY,
            run TEXT NOT NULL REFERENCES runs,
            request TEXT NOT NULL,
            by TEXT NOT NULL,
            why TEXT NOT NULL,
            at REAL NOT NULL,
            taken_at REAL
        );
INSERT INTO "requests" VALUES(1,'20260202-024000-0000','pause','ops','lunch',1770000000.0,NULL);
CREATE TABLE runs (
            run TEXT PRIMARY KEY,
            plan TEXT NOT NULL,
            plan_source TEXT NOT NULL,
            plan_digest TEXT NOT NULL,
            operator TEXT NOT NULL,
            started_at REAL NOT NULL,
            ended_at REAL,
            verdict INTEGER,
            lease_owner TEXT,
            lease_token INTEGER NOT NULL,
            lease_since REAL,
            lease_expires REAL
        ) WITHOUT ROWID;
INSERT INTO "runs" VALUES('20260202-024000-0000','gateway-2.4','plan.yml','d1','ops',1770000000.0,NULL,NULL,'far-ops:4711:99:another-boot/1',1,1770000000.0,1770000030.0);
CREATE INDEX requests_open ON requests (run, id) WHERE taken_at IS NULL;
CREATE UNIQUE INDEX denylist_standing ON denylist (manifest) WHERE lifted_at IS NULL;
COMMIT;
PRAGMA application_id = 1718379877;
PRAGMA user_version = 1;
