BEGIN TRANSACTION;
CREATE TABLE ocpi_cdr_urls (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_cdr_urls_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_cdr_urls" VALUES(1,'NL','ABC','CDR1
PLATFORM','','',0,1,'{"url":"https://other.example/ocpi/2.2.1/receiver/cdrs/NL/ABC/CDR1"}');
CREATE TABLE ocpi_cdrs (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_cdrs_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_cdrs" VALUES(1,'NL','ABC','CDR1','',',DE-EMS,',1717156800000000,1,'{"country_code":"NL","party_id":"ABC","id":"CDR1","start_date_time":"2024-05-31T10:00:00Z","end_date_time":"2024-05-31T11:30:00Z","cdr_token":{"country_code":"DE","party_id":"EMS","uid":"12345678905880","type":"RFID","contract_id":"DE-EMS-C12E46L89"},"auth_method":"WHITELIST","cdr_location":{"id":"LOC1","address":"Station Road 1","city":"Utrecht","country":"NLD","coordinates":{"latitude":"52.089444","longitude":"5.110278"},"evse_uid":"EVSE1","evse_id":"NL*ABC*E041503001","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},"currency":"EUR","charging_periods":[{"start_date_time":"2024-05-31T10:00:00Z","dimensions":[{"type":"ENERGY","volume":12.5}]}],"total_cost":{"excl_vat":3.125},"total_energy":12.5,"total_time":1.5,"last_updated":"2024-05-31T12:00:00Z"}');
INSERT INTO "ocpi_cdrs" VALUES(2,'DE','CPO','CDR9','NL-ABC','',1717156800000000,1,'{"country_code":"DE","party_id":"CPO","id":"CDR9","start_date_time":"2024-05-31T10:00:00Z","end_date_time":"2024-05-31T11:30:00Z","cdr_token":{"country_code":"NL","party_id":"ABC","uid":"12345678905880","type":"RFID","contract_id":"DE-EMS-C12E46L89"},"auth_method":"WHITELIST","cdr_location":{"id":"LOC1","address":"Station Road 1","city":"Utrecht","country":"NLD","coordinates":{"latitude":"52.089444","longitude":"5.110278"},"evse_uid":"EVSE1","evse_id":"NL*ABC*E041503001","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},"currency":"EUR","charging_periods":[{"start_date_time":"2024-05-31T10:00:00Z","dimensions":[{"type":"ENERGY","volume":12.5}]}],"total_cost":{"excl_vat":3.125},"total_energy":12.5,"total_time":1.5,"last_updated":"2024-05-31T12:00:00Z"}');
CREATE TABLE ocpi_client_infos (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_client_infos_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_client_infos" VALUES(1,'DE','XYZ','EMSP','','',1717156800000000,1,'{"party_id":"XYZ","country_code":"DE","role":"EMSP","status":"CONNECTED","last_updated":"2024-05-31T12:00:00Z"}');
INSERT INTO "ocpi_client_infos" VALUES(2,'DE','XYZ','CPO
HUB','NL-ABC','',1717156800000000,1,'{"party_id":"XYZ","country_code":"DE","role":"CPO","status":"CONNECTED","last_updated":"2024-05-31T12:00:00Z"}');
CREATE TABLE ocpi_credential_tokens (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_credential_tokens_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_credential_tokens" VALUES(2,'','','6EC167FCB6C302F75471C7191B9C9635FAA43B6811E64AFC045706B6160580C4','','',0,1,'{"platform":"platform"}');
INSERT INTO "ocpi_credential_tokens" VALUES(3,'','','0C34EE0FEB6979637F98C94C1A8FA391449EE1F734CDF3F0DE09C2D94F5471CE','','',0,1,'{"platform":"hub"}');
CREATE TABLE ocpi_locations (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_locations_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_locations" VALUES(1,'NL','ABC','LOC1','','',1767268800000000,2,'{"country_code":"NL","party_id":"ABC","id":"LOC1","publish":true,"name":"Renamed","address":"Station Road 1","city":"Utrecht","country":"NLD","coordinates":{"latitude":"52.089444","longitude":"5.110278"},"time_zone":"Europe/Amsterdam","last_updated":"2026-01-01T12:00:00.000Z"}');
INSERT INTO "ocpi_locations" VALUES(2,'NL','ABC','LOC2','','',1717156800000000,1,'{"country_code":"NL","party_id":"ABC","id":"LOC2","publish":true,"name":"Zürich ⚡","address":"Station Road 1","city":"Utrecht","country":"NLD","coordinates":{"latitude":"52.089444","longitude":"5.110278"},"time_zone":"Europe/Amsterdam","last_updated":"2024-05-31T12:00:00Z"}');
INSERT INTO "ocpi_locations" VALUES(3,'NL','ABC','LOC3','','',1717156800000000,1,'{"country_code":"NL","party_id":"ABC","id":"LOC3","publish":true,"name":"Zürich ⚡","address":"Station Road 1","city":"Utrecht","country":"NLD","coordinates":{"latitude":"52.089444","longitude":"5.110278"},"time_zone":"Europe/Amsterdam","last_updated":"2024-05-31T12:00:00Z"}');
INSERT INTO "ocpi_locations" VALUES(5,'DE','CPO','LOC9','NL-ABC','',1717156800000000,1,'{"country_code":"DE","party_id":"CPO","id":"LOC9","publish":true,"address":"Station Road 1","city":"Utrecht","country":"NLD","coordinates":{"latitude":"52.089444","longitude":"5.110278"},"time_zone":"Europe/Amsterdam","last_updated":"2024-05-31T12:00:00Z"}');
CREATE TABLE ocpi_platform_parties (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_platform_parties_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_platform_parties" VALUES(1,'DE','CPO','','','',0,1,'{"platforms":["platform"]}');
INSERT INTO "ocpi_platform_parties" VALUES(2,'DE','EMS','','','',0,1,'{"platforms":["platform"]}');
INSERT INTO "ocpi_platform_parties" VALUES(3,'DE','HUB','','','',0,1,'{"platforms":["hub"]}');
CREATE TABLE ocpi_platforms (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_platforms_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_platforms" VALUES(1,'','','PLATFORM','','',1767268800000000,3,'{"id":"platform","name":"EMS Charging","state":"REGISTERED","roles":[{"role":"EMSP","business_details":{"name":"EMS Charging"},"party_id":"EMS","country_code":"DE"},{"role":"CPO","business_details":{"name":"CPO Charging"},"party_id":"CPO","country_code":"DE"}],"versions_url":"https://other.example/ocpi/versions","version":"2.2.1","endpoints":[{"identifier":"credentials","role":"SENDER","url":"https://other.example/ocpi/2.2.1/credentials"},{"identifier":"locations","role":"SENDER","url":"https://other.example/ocpi/2.2.1/sender/locations"},{"identifier":"locations","role":"RECEIVER","url":"https://other.example/ocpi/2.2.1/receiver/locations"},{"identifier":"sessions","role":"SENDER","url":"https://other.example/ocpi/2.2.1/sender/sessions"},{"identifier":"sessions","role":"RECEIVER","url":"https://other.example/ocpi/2.2.1/receiver/sessions"},{"identifier":"cdrs","role":"SENDER","url":"https://other.example/ocpi/2.2.1/sender/cdrs"},{"identifier":"cdrs","role":"RECEIVER","url":"https://other.example/ocpi/2.2.1/receiver/cdrs"},{"identifier":"tariffs","role":"SENDER","url":"https://other.example/ocpi/2.2.1/sender/tariffs"},{"identifier":"tariffs","role":"RECEIVER","url":"https://other.example/ocpi/2.2.1/receiver/tariffs"},{"identifier":"tokens","role":"SENDER","url":"https://other.example/ocpi/2.2.1/sender/tokens"},{"identifier":"tokens","role":"RECEIVER","url":"https://other.example/ocpi/2.2.1/receiver/tokens"},{"identifier":"commands","role":"SENDER","url":"https://other.example/ocpi/2.2.1/sender/commands"},{"identifier":"commands","role":"RECEIVER","url":"https://other.example/ocpi/2.2.1/receiver/commands"},{"identifier":"chargingprofiles","role":"SENDER","url":"https://other.example/ocpi/2.2.1/sender/chargingprofiles"},{"identifier":"chargingprofiles","role":"RECEIVER","url":"https://other.example/ocpi/2.2.1/receiver/chargingprofiles"},{"identifier":"hubclientinfo","role":"RECEIVER","url":"https://other.example/ocpi/2.2.1/receiver/hubclientinfo"}],"token":"gAAAAABrA9OG3Uctb8JdQxlumXiDBP8dMDFpTe4wlDBbGkdzjTM3KjE0_Z9KrzN3Tki-sgB5h7EXDNn-XeAwvYpuhfy3ofmFn5fMUe6d1vzSAQy-qb_HHd5k-ZEZE79BSvQjO0XMrtdg","token_encoding":"base64","issued":[{"hash":"6ec167fcb6c302f75471c7191b9c9635faa43b6811e64afc045706b6160580c4","use":"ACTIVE","expires":null,"used":true}],"last_updated":"2026-01-01T12:00:00.000Z"}');
INSERT INTO "ocpi_platforms" VALUES(2,'','','HUB','','',1767268800000000,2,'{"id":"hub","name":"Hub","state":"REGISTERED","roles":[{"role":"HUB","business_details":{"name":"Hub"},"party_id":"HUB","country_code":"DE"}],"versions_url":"https://partner.example/v","version":"2.2.1","endpoints":[],"token":"gAAAAABrA9OGXtPdafCqGBekVqbmsMFfiHJ6k7vfVqx_1w8HP5xxPWr6h8tM1NQBu5aykgV_d-AxFesX7_TdW-8P6uNkMroz41jZD4nILqEtWU1xt7V1yBA=","token_encoding":"base64","issued":[{"hash":"0c34ee0feb6979637f98c94c1a8fa391449ee1f734cdf3f0de09c2d94f5471ce","use":"ACTIVE","expires":null,"used":true}],"last_updated":"2026-01-01T12:00:00.000Z"}');
CREATE TABLE ocpi_profiled_sessions (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_profiled_sessions_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_profiled_sessions" VALUES(1,'','','SES1','NL-ABC','',1767268800000000,1,'{"key":["","","SES1","NL-ABC"],"senders":[{"platform":"platform","party":["DE","EMS"]}]}');
CREATE TABLE ocpi_reservations (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_reservations_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_reservations" VALUES(1,'DE','EMS','RES1','NL-ABC','',1767297600000000,1,'{"key":["DE","EMS","RES1","NL-ABC"],"location_id":"LOC1","stands":false}');
CREATE TABLE ocpi_result_deadlines (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_result_deadlines_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_result_deadlines" VALUES(1,'','','1EB7FDBDBD461C23D0760B32196E616C','','',1767268830000000,1,'{"id":"1eb7fdbdbd461c23d0760b32196e616c"}');
INSERT INTO "ocpi_result_deadlines" VALUES(2,'','','55813ABAF8A129277DD93BC2D79158E3','','',1767268830000000,1,'{"id":"55813abaf8a129277dd93bc2d79158e3"}');
CREATE TABLE ocpi_results_awaited (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_results_awaited_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_results_awaited" VALUES(1,'','','12C7CAA350BC90858822049CE2185E1D','','',1767355230000000,2,'{"id":"12c7caa350bc90858822049ce2185e1d","module":"commands","operation":"start_session","platform":"platform","request":{"token":{"country_code":"NL","party_id":"ABC","uid":"12345678905880","type":"RFID","contract_id":"DE-EMS-C12E46L89","issuer":"Ems Charging","valid":true,"whitelist":"ALLOWED","last_updated":"2024-05-31T12:00:00Z"},"location_id":"LOC1"},"state":"ACCEPTED","response":{"result":"ACCEPTED","timeout":30},"results":[],"expires":1767268830000000,"kept_until":1767355230000000,"reference":""}');
CREATE TABLE ocpi_results_due (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_results_due_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_results_due" VALUES(1,'','','1EB7FDBDBD461C23D0760B32196E616C','','',1767355230000000,2,'{"id":"1eb7fdbdbd461c23d0760b32196e616c","module":"commands","operation":"start_session","platform":"platform","receiver":["NL","ABC"],"sender":["DE","EMS"],"response_url":"https://other.example/ocpi/2.2.1/sender/commands/START_SESSION/3999765c94c6f9100e768f40f19ffef0","request":{"token":{"country_code":"DE","party_id":"EMS","uid":"12345678905880","type":"RFID","contract_id":"DE-EMS-C12E46L89","issuer":"Ems Charging","valid":true,"whitelist":"ALLOWED","last_updated":"2024-05-31T12:00:00Z"},"location_id":"LOC1"},"state":"OPEN","expires":1767268830000000,"result":null}');
INSERT INTO "ocpi_results_due" VALUES(3,'','','55813ABAF8A129277DD93BC2D79158E3','','',1767384000000000,2,'{"id":"55813abaf8a129277dd93bc2d79158e3","module":"commands","operation":"reserve_now","platform":"platform","receiver":["NL","ABC"],"sender":["DE","EMS"],"response_url":"https://other.example/ocpi/2.2.1/sender/commands/RESERVE_NOW/cb456b257ec0a336de790c0243517684","request":{"token":{"country_code":"DE","party_id":"EMS","uid":"12345678905880","type":"RFID","contract_id":"DE-EMS-C12E46L89","issuer":"Ems Charging","valid":true,"whitelist":"ALLOWED","last_updated":"2024-05-31T12:00:00Z"},"expiry_date":"2026-01-01T20:00:00Z","reservation_id":"RES1","location_id":"LOC1"},"state":"OPEN","expires":1767268830000000,"result":null}');
INSERT INTO "ocpi_results_due" VALUES(5,'','','009E470AF96306584A93506B9DEC5463','','',1767355230000000,5,'{"id":"009e470af96306584a93506b9dec5463","module":"chargingprofiles","operation":"set_profile","platform":"platform","receiver":["NL","ABC"],"sender":["DE","EMS"],"response_url":"https://other.example/ocpi/2.2.1/sender/chargingprofiles/set_profile/9eb280b9d717029cd63f31a01b95efa3","request":{"session_id":"SES1","charging_profile":{"charging_rate_unit":"A","charging_profile_period":[{"start_period":0,"limit":16}]}},"state":"SENT","expires":1767268830000000,"result":{"result":"ACCEPTED"}}');
CREATE TABLE ocpi_sessions (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_sessions_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_sessions" VALUES(1,'NL','ABC','SES1','',',DE-EMS,',1717156800000000,1,'{"country_code":"NL","party_id":"ABC","id":"SES1","start_date_time":"2024-05-31T10:00:00Z","kwh":12.5,"cdr_token":{"country_code":"DE","party_id":"EMS","uid":"12345678905880","type":"RFID","contract_id":"DE-EMS-C12E46L89"},"auth_method":"WHITELIST","location_id":"LOC1","evse_uid":"EVSE1","connector_id":"1","currency":"EUR","status":"ACTIVE","last_updated":"2024-05-31T12:00:00Z"}');
INSERT INTO "ocpi_sessions" VALUES(2,'DE','CPO','SES9','NL-ABC','',1717156800000000,1,'{"country_code":"DE","party_id":"CPO","id":"SES9","start_date_time":"2024-05-31T10:00:00Z","kwh":12.5,"cdr_token":{"country_code":"NL","party_id":"ABC","uid":"12345678905880","type":"RFID","contract_id":"DE-EMS-C12E46L89"},"auth_method":"WHITELIST","location_id":"LOC1","evse_uid":"EVSE1","connector_id":"1","currency":"EUR","status":"ACTIVE","last_updated":"2024-05-31T12:00:00Z"}');
CREATE TABLE ocpi_tariffs (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_tariffs_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_tariffs" VALUES(1,'NL','ABC','TARIFF1','','',1717156800000000,1,'{"country_code":"NL","party_id":"ABC","id":"TARIFF1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.25,"vat":21.0,"step_size":1}]}],"last_updated":"2024-05-31T12:00:00Z"}');
INSERT INTO "ocpi_tariffs" VALUES(2,'DE','CPO','TARIFF1','NL-ABC','',1717156800000000,1,'{"country_code":"DE","party_id":"CPO","id":"TARIFF1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.25,"vat":21.0,"step_size":1}]}],"last_updated":"2024-05-31T12:00:00Z"}');
CREATE TABLE ocpi_tokens (
	created INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	country_code TEXT NOT NULL, 
	party_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	receiver TEXT DEFAULT '' NOT NULL, 
	audience TEXT DEFAULT '' NOT NULL, 
	last_updated BIGINT NOT NULL, 
	revision INTEGER NOT NULL, 
	document TEXT NOT NULL, 
	CONSTRAINT uq_ocpi_tokens_key UNIQUE (country_code, party_id, id, receiver)
);
INSERT INTO "ocpi_tokens" VALUES(1,'NL','ABC','12345678905880
RFID','','',1717156800000000,1,'{"country_code":"NL","party_id":"ABC","uid":"12345678905880","type":"RFID","contract_id":"DE-EMS-C12E46L89","issuer":"Ems Charging","valid":true,"whitelist":"ALLOWED","last_updated":"2024-05-31T12:00:00Z"}');
INSERT INTO "ocpi_tokens" VALUES(2,'DE','EMS','DRIVER9
RFID','NL-ABC','',1717156800000000,1,'{"country_code":"DE","party_id":"EMS","uid":"DRIVER9","type":"RFID","contract_id":"DE-EMS-C12E46L89","issuer":"Ems Charging","valid":true,"whitelist":"ALLOWED","last_updated":"2024-05-31T12:00:00Z"}');
CREATE INDEX ix_ocpi_platforms_last_updated ON ocpi_platforms (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_platforms_created ON ocpi_platforms (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_credential_tokens_last_updated ON ocpi_credential_tokens (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_credential_tokens_created ON ocpi_credential_tokens (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_platform_parties_last_updated ON ocpi_platform_parties (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_platform_parties_created ON ocpi_platform_parties (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_locations_created ON ocpi_locations (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_locations_last_updated ON ocpi_locations (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_sessions_last_updated ON ocpi_sessions (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_sessions_created ON ocpi_sessions (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_cdrs_last_updated ON ocpi_cdrs (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_cdrs_created ON ocpi_cdrs (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_tariffs_last_updated ON ocpi_tariffs (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_tariffs_created ON ocpi_tariffs (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_tokens_last_updated ON ocpi_tokens (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_tokens_created ON ocpi_tokens (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_client_infos_last_updated ON ocpi_client_infos (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_client_infos_created ON ocpi_client_infos (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_cdr_urls_last_updated ON ocpi_cdr_urls (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_cdr_urls_created ON ocpi_cdr_urls (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_results_due_last_updated ON ocpi_results_due (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_results_due_created ON ocpi_results_due (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_result_deadlines_last_updated ON ocpi_result_deadlines (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_result_deadlines_created ON ocpi_result_deadlines (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_results_awaited_created ON ocpi_results_awaited (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_results_awaited_last_updated ON ocpi_results_awaited (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_reservations_created ON ocpi_reservations (receiver, country_code, party_id, created);
CREATE INDEX ix_ocpi_reservations_last_updated ON ocpi_reservations (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_profiled_sessions_last_updated ON ocpi_profiled_sessions (receiver, country_code, party_id, last_updated);
CREATE INDEX ix_ocpi_profiled_sessions_created ON ocpi_profiled_sessions (receiver, country_code, party_id, created);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('ocpi_platforms',2);
INSERT INTO "sqlite_sequence" VALUES('ocpi_credential_tokens',3);
INSERT INTO "sqlite_sequence" VALUES('ocpi_platform_parties',3);
INSERT INTO "sqlite_sequence" VALUES('ocpi_locations',5);
INSERT INTO "sqlite_sequence" VALUES('ocpi_tariffs',2);
INSERT INTO "sqlite_sequence" VALUES('ocpi_tokens',2);
INSERT INTO "sqlite_sequence" VALUES('ocpi_sessions',2);
INSERT INTO "sqlite_sequence" VALUES('ocpi_cdrs',2);
INSERT INTO "sqlite_sequence" VALUES('ocpi_client_infos',2);
INSERT INTO "sqlite_sequence" VALUES('ocpi_cdr_urls',1);
INSERT INTO "sqlite_sequence" VALUES('ocpi_results_due',9);
INSERT INTO "sqlite_sequence" VALUES('ocpi_result_deadlines',4);
INSERT INTO "sqlite_sequence" VALUES('ocpi_reservations',1);
INSERT INTO "sqlite_sequence" VALUES('ocpi_profiled_sessions',1);
INSERT INTO "sqlite_sequence" VALUES('ocpi_results_awaited',2);
COMMIT;
