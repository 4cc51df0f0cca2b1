BEGIN TRANSACTION;
CREATE TABLE cmr_events (
	id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	"key" TEXT NOT NULL, 
	step TEXT NOT NULL, 
	change TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	token TEXT, 
	order_id TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "cmr_events" VALUES(1,1700000001.0,'accepted','create','sent','claimed','run-1','token-1',NULL);
INSERT INTO "cmr_events" VALUES(2,1700000002.0,'accepted','create','accepted','created','run-1','token-1','O-accepted');
INSERT INTO "cmr_events" VALUES(3,1700000003.0,'draft','create','sent','claimed','run-1','token-2',NULL);
INSERT INTO "cmr_events" VALUES(4,1700000004.0,'draft','create','accepted','created','run-1','token-2','O-draft');
INSERT INTO "cmr_events" VALUES(5,1700000005.0,'rejected','create','sent','claimed','run-1','token-3',NULL);
INSERT INTO "cmr_events" VALUES(6,1700000006.0,'rejected','create','rejected','refused','run-1','token-3',NULL);
INSERT INTO "cmr_events" VALUES(7,1700000007.0,'unknown','create','sent','claimed','run-1','token-4',NULL);
INSERT INTO "cmr_events" VALUES(8,1700000008.0,'unknown','create','unknown','bad gateway','run-1','token-4',NULL);
INSERT INTO "cmr_events" VALUES(9,1700000009.0,'unknown-placed','create','sent','claimed','run-1','token-5',NULL);
INSERT INTO "cmr_events" VALUES(10,1700000010.0,'unknown-placed','create','unknown','bad gateway','run-1','token-5',NULL);
INSERT INTO "cmr_events" VALUES(11,1700000011.0,'unknown-absent','create','sent','claimed','run-1','token-6',NULL);
INSERT INTO "cmr_events" VALUES(12,1700000012.0,'unknown-absent','create','unknown','bad gateway','run-1','token-6',NULL);
INSERT INTO "cmr_events" VALUES(13,1700000013.0,'unknown-conflict','create','sent','claimed','run-1','token-7',NULL);
INSERT INTO "cmr_events" VALUES(14,1700000014.0,'unknown-conflict','create','unknown','bad gateway','run-1','token-7',NULL);
INSERT INTO "cmr_events" VALUES(15,1700000015.0,'resubmitted','create','sent','claimed','run-1','token-8',NULL);
INSERT INTO "cmr_events" VALUES(16,1700000016.0,'resubmitted','create','unknown','bad gateway','run-1','token-8',NULL);
INSERT INTO "cmr_events" VALUES(17,1700000016.0,'unknown-placed','create','verdict:placed','the domain is in the user''s account','run-1',NULL,'O-placed');
INSERT INTO "cmr_events" VALUES(18,1700000016.0,'unknown-absent','create','verdict:absent','not there after a day','run-1',NULL,NULL);
INSERT INTO "cmr_events" VALUES(19,1700000016.0,'unknown-conflict','create','verdict:conflict','listed, but the action failed','run-1',NULL,NULL);
INSERT INTO "cmr_events" VALUES(20,1700000016.0,'resubmitted','create','verdict:absent','not there after a day','run-1',NULL,NULL);
INSERT INTO "cmr_events" VALUES(21,1700000016.0,'resubmitted','create','planned','asked for by name','run-1',NULL,NULL);
INSERT INTO "cmr_events" VALUES(22,1700000017.0,'not-sent','create','sent','claimed','run-1','token-9',NULL);
INSERT INTO "cmr_events" VALUES(23,1700000018.0,'not-sent','create','not_sent','no connection','run-1','token-9',NULL);
INSERT INTO "cmr_events" VALUES(24,1700000019.0,'draft','process','sent','claimed','run-1','token-10',NULL);
INSERT INTO "cmr_events" VALUES(25,1700000020.0,'draft','process','unknown','server error','run-1','token-10',NULL);
INSERT INTO "cmr_events" VALUES(26,1700000020.0,'draft','process','verdict:placed','the draft is processed','run-1',NULL,NULL);
INSERT INTO "cmr_events" VALUES(27,1700000122.0,'sent','create','sent','claimed','run-2','token-11',NULL);
CREATE TABLE cmr_meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "cmr_meta" VALUES('schema_version','3');
CREATE TABLE cmr_orders (
	"key" TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	reference TEXT, 
	body TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	confirm BOOLEAN NOT NULL, content TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "cmr_orders" VALUES('accepted','U1','accepted','{"confirm":true,"domains":[{"domain":"accepted.com","years":1}],"mailboxes":{"accepted.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','dd9df881a12b051f4e514e2f5e96a60964f099077dc7fae94c4b50b3038c68fa',1,'043192abf710c82678d20f1ead634bb04b4ffa7e6e95447f60ab8b67eb3647e7');
INSERT INTO "cmr_orders" VALUES('draft','U1','draft','{"confirm":false,"domains":[{"domain":"draft.com","years":1}],"mailboxes":{"draft.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','d5c350309f1c8dec7846730d5ac275cb0b65530c6b0e99becef5fb26e6ca19fe',0,'827c07702e92dc687ef948fff929bac2360ef7dab2834f644ff96e16439b5694');
INSERT INTO "cmr_orders" VALUES('not-sent','U1','not-sent','{"confirm":true,"domains":[{"domain":"not-sent.com","years":1}],"mailboxes":{"not-sent.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','7c539348140300bb2ced174de715ba49eb542697fb1b784443b5bfa897241a2d',1,'e0c1defa413c37c9d611d15f655ccdaea707eb646fe3c41cd55c7425d5731d54');
INSERT INTO "cmr_orders" VALUES('planned','U1','planned','{"confirm":true,"domains":[{"domain":"planned.com","years":1}],"mailboxes":{"planned.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','c7cd03ba90f99c08cf024d4b8d866a7daa69503725f553c4ff049b2538cf9eee',1,'df2439eed444f42d73ce2663c92da6772f5a99d65ef409a6f378147ae03ae5e9');
INSERT INTO "cmr_orders" VALUES('rejected','U1','rejected','{"confirm":true,"domains":[{"domain":"rejected.com","years":1}],"mailboxes":{"rejected.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','1fe66525caa5b8fe25bdabf507dba782e8b7db47058721a18091b0a173e81e39',1,'9f003f10637b28d816db2f43fe14581bbb084bd0f6fa18e46269c113fbf22f5c');
INSERT INTO "cmr_orders" VALUES('resubmitted','U1','resubmitted','{"confirm":true,"domains":[{"domain":"resubmitted.com","years":1}],"mailboxes":{"resubmitted.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','ed5105dd2797a51ca5b19a07804571f5c158acfa4cb74017fbcdfb40fca1a4b5',1,'2c050de050d052ad830c6cf6764b6fdfca0cbd6d42c831564dbffc29c12c0490');
INSERT INTO "cmr_orders" VALUES('sent','U1','sent','{"confirm":true,"domains":[{"domain":"sent.com","years":1}],"mailboxes":{"sent.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','07aca6007543b5ad83f3ad31544cd26d88302375415bcc416cb89bcb5822d840',1,'44936cae30251c67cb4dcd041bd8c0e8003f0d653d7c19cd9d1bc42ffe4f14c5');
INSERT INTO "cmr_orders" VALUES('unknown','U1','unknown','{"confirm":true,"domains":[{"domain":"unknown.com","years":1}],"mailboxes":{"unknown.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','05b0b65a53a479b8a039b4cedbbd19ab6dc29534f5333b4043f75a170c658b95',1,'75a0704f05bda325bab5992e110caae8ac298684e3455f1f47c24425773b61a7');
INSERT INTO "cmr_orders" VALUES('unknown-absent','U1','unknown-absent','{"confirm":true,"domains":[{"domain":"unknown-absent.com","years":1}],"mailboxes":{"unknown-absent.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','dd066393fb3024133dce330708daf406d73b5ffec608477f20db5c133b7a2732',1,'696d7a27a30ac577b1a109ecca5fb4c63626da939da3206c9f303d587b1b3b71');
INSERT INTO "cmr_orders" VALUES('unknown-conflict','U1','unknown-conflict','{"confirm":true,"domains":[{"domain":"unknown-conflict.com","years":1}],"mailboxes":{"unknown-conflict.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','988a6deaa21a445f4cd9ca341577cf03a06e025431e33cc5925c46d3554f8d01',1,'12c6cb9b3c832b0a4d8ca84ffa6e0a95dee3ac25af0f75ae8a7db32522255fbd');
INSERT INTO "cmr_orders" VALUES('unknown-placed','U1','unknown-placed','{"confirm":true,"domains":[{"domain":"unknown-placed.com","years":1}],"mailboxes":{"unknown-placed.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','88d93adce1a76dca4cf20683de769c6f323795eb96d38a8193753002fb9fae71',1,'d6087d5238d6a04c69b7e365552c5bbb929f1778eaa0818088d56a6756585546');
INSERT INTO "cmr_orders" VALUES('sha256:d93eb8021e097fabc78a0edc6d296cbea3c6f16e807b5fae1562595b757d28ee','U1',NULL,'{"confirm":false,"domains":[{"domain":"no-reference.com","years":1}],"mailboxes":{"no-reference.com":[{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]}}','672cce51801e5d2b3e5c33a5ace7e4b27376f0c44fb3634b3dcaedfdb3f38b4d',0,'d93eb8021e097fabc78a0edc6d296cbea3c6f16e807b5fae1562595b757d28ee');
CREATE TABLE cmr_runs (
	id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	born TEXT NOT NULL, 
	started DOUBLE NOT NULL, 
	heartbeat DOUBLE NOT NULL, 
	ended DOUBLE, lease DOUBLE DEFAULT '30' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "cmr_runs" VALUES('run-1','host','machine',4194305,'1',1700000000.0,1700000000.0,1700000021.0,30.0);
INSERT INTO "cmr_runs" VALUES('run-2','host','machine',4194305,'1',1700000121.0,1700000121.0,NULL,30.0);
CREATE TABLE cmr_slots (
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE cmr_steps (
	"key" TEXT NOT NULL, 
	step TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	recovered BOOLEAN NOT NULL, 
	verdict TEXT, 
	evidence TEXT NOT NULL, 
	run_id TEXT, 
	token TEXT, 
	attempts INTEGER NOT NULL, 
	order_id TEXT, 
	action_id TEXT, 
	status INTEGER, 
	message TEXT NOT NULL, 
	body_excerpt TEXT NOT NULL, 
	planned_at DOUBLE NOT NULL, 
	sent_at DOUBLE, 
	ended_at DOUBLE, 
	verdict_at DOUBLE, unavailable TEXT DEFAULT '[]' NOT NULL, 
	PRIMARY KEY ("key", step), 
	CONSTRAINT cmr_steps_state CHECK (state IN ('planned', 'sent', 'accepted', 'rejected', 'unknown', 'not_sent')), 
	FOREIGN KEY("key") REFERENCES cmr_orders ("key")
);
INSERT INTO "cmr_steps" VALUES('accepted','create',2,'accepted',0,NULL,'','run-1','token-1',1,'O-accepted','ACT_1',201,'created','',1700000000.0,1700000001.0,1700000002.0,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('draft','create',9,'accepted',0,NULL,'','run-1','token-2',1,'O-draft',NULL,201,'created','',1700000000.0,1700000003.0,1700000004.0,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('not-sent','create',8,'not_sent',0,NULL,'','run-1','token-9',2,NULL,NULL,NULL,'no connection','',1700000000.0,1700000017.0,1700000018.0,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('planned','create',0,'planned',0,NULL,'',NULL,NULL,0,NULL,NULL,NULL,'','',1700000000.0,NULL,NULL,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('rejected','create',3,'rejected',0,NULL,'','run-1','token-3',1,NULL,NULL,422,'refused','',1700000000.0,1700000005.0,1700000006.0,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('resubmitted','create',10,'planned',0,NULL,'','run-1','token-8',1,NULL,NULL,502,'','<html>',1700000000.0,1700000015.0,1700000016.0,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('sent','create',1,'sent',0,NULL,'','run-2','token-11',0,NULL,NULL,NULL,'','',1700000000.0,1700000122.0,NULL,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('unknown','create',4,'unknown',0,NULL,'','run-1','token-4',1,NULL,NULL,502,'bad gateway','<html>',1700000000.0,1700000007.0,1700000008.0,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('unknown-absent','create',6,'unknown',0,'absent','not there after a day','run-1','token-6',1,NULL,NULL,502,'bad gateway','<html>',1700000000.0,1700000011.0,1700000012.0,1700000016.0,'[]');
INSERT INTO "cmr_steps" VALUES('unknown-conflict','create',7,'unknown',0,'conflict','listed, but the action failed','run-1','token-7',1,NULL,NULL,502,'bad gateway','<html>',1700000000.0,1700000013.0,1700000014.0,1700000016.0,'[]');
INSERT INTO "cmr_steps" VALUES('unknown-placed','create',5,'unknown',0,'placed','the domain is in the user''s account','run-1','token-5',1,'O-placed',NULL,502,'bad gateway','<html>',1700000000.0,1700000009.0,1700000010.0,1700000016.0,'[]');
INSERT INTO "cmr_steps" VALUES('sha256:d93eb8021e097fabc78a0edc6d296cbea3c6f16e807b5fae1562595b757d28ee','create',11,'planned',0,NULL,'',NULL,NULL,0,NULL,NULL,NULL,'','',1700000000.0,NULL,NULL,NULL,'[]');
INSERT INTO "cmr_steps" VALUES('draft','process',9,'unknown',0,'placed','the draft is processed','run-1','token-10',1,'O-draft',NULL,500,'server error','',1700000018.0,1700000019.0,1700000020.0,1700000020.0,'[]');
CREATE INDEX cmr_events_by_key ON cmr_events ("key", step);
CREATE INDEX cmr_steps_by_position ON cmr_steps (step, position, "key");
CREATE INDEX cmr_steps_by_state ON cmr_steps (step, state, position, "key");
CREATE INDEX cmr_orders_by_content ON cmr_orders (content);
COMMIT;
