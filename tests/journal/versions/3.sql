PRAGMA application_id = 1399680876;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            model TEXT NOT NULL,
            started REAL NOT NULL,  -- seconds since 1970, as all times here
            updated REAL NOT NULL
        , active INTEGER, named_by TEXT NOT NULL DEFAULT 'text', pinned INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
INSERT INTO "conversations" VALUES('aaaa00000001','Six times seven? Grüße','smol-tools-4b',1760000100.5,1760000200.5,2,'text',0);
INSERT INTO "conversations" VALUES('aaaa00000002','Hello','smol-tools-4b',1760000200.25,1760000300.25,3,'text',0);
CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn INTEGER NOT NULL REFERENCES turns ON DELETE CASCADE,
            kind TEXT NOT NULL,
            body TEXT NOT NULL  -- the event's fields as JSON
        , at REAL);
INSERT INTO "events" VALUES(1,1,'turn_started','{"conversation":"aaaa00000001","text":"Six times seven? Grüße"}',NULL);
INSERT INTO "events" VALUES(2,1,'round_started','{"number":1}',NULL);
INSERT INTO "events" VALUES(3,1,'reasoning','{"text":"I compute."}',NULL);
INSERT INTO "events" VALUES(4,1,'reasoning_finished','{"duration_ms":12,"tokens":3}',NULL);
INSERT INTO "events" VALUES(5,1,'tool_call','{"call":{"id":"call_1","name":"calculate","arguments":{"expression":"6*7"},"repaired":false}}',NULL);
INSERT INTO "events" VALUES(6,1,'decided','{"call_id":"call_1","decision":"allow","by":"user","arguments":{"expression":"6*7"},"scope":"once","reason":""}',NULL);
INSERT INTO "events" VALUES(7,1,'tool_started','{"call_id":"call_1"}',NULL);
INSERT INTO "events" VALUES(8,1,'tool_finished','{"result":{"call_id":"call_1","name":"calculate","ok":true,"content":"6*7 = 42","error":null,"data":null,"origin":"local","duration_ms":3,"full_content":null,"sandbox":null}}',NULL);
INSERT INTO "events" VALUES(9,1,'round_started','{"number":2}',NULL);
INSERT INTO "events" VALUES(10,1,'content','{"text":"It is 42."}',NULL);
INSERT INTO "events" VALUES(11,1,'turn_finished','{"reason":"stop","usage":{"prompt_tokens":20,"reused_tokens":8,"completion_tokens":9},"timings":{"ttft_ms":5,"prompt_tok_s":100.0,"decode_tok_s":10.0},"message":""}',NULL);
INSERT INTO "events" VALUES(12,2,'turn_started','{"conversation":"aaaa00000001","text":"And a story?"}',NULL);
INSERT INTO "events" VALUES(13,2,'round_started','{"number":1}',NULL);
INSERT INTO "events" VALUES(14,2,'content','{"text":"Once upon"}',NULL);
INSERT INTO "events" VALUES(15,3,'turn_started','{"conversation":"aaaa00000002","text":"Hello"}',1760000103.5);
INSERT INTO "events" VALUES(16,3,'turn_failed','{"kind":"server","message":"It is gone.","usage":{"prompt_tokens":0,"reused_tokens":0,"completion_tokens":0},"timings":{"ttft_ms":0,"prompt_tok_s":0.0,"decode_tok_s":0.0}}',1760000103.5);
CREATE TABLE turns (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
            started REAL NOT NULL
        , parent INTEGER, indexed INTEGER NOT NULL DEFAULT 0, program TEXT);
INSERT INTO "turns" VALUES(1,'aaaa00000001',1760000101.0,NULL,0,NULL);
INSERT INTO "turns" VALUES(2,'aaaa00000001',1760000102.0,1,0,'0123456789abcdef');
INSERT INTO "turns" VALUES(3,'aaaa00000002',1760000103.0,NULL,0,NULL);
CREATE INDEX conversations_updated ON conversations (updated);
CREATE INDEX turns_conversation ON turns (conversation);
CREATE INDEX events_turn ON events (turn);
CREATE INDEX events_calls ON events (kind) WHERE kind = 'tool_call';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('turns',3);
INSERT INTO "sqlite_sequence" VALUES('events',16);
COMMIT;
