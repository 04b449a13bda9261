-- What crosslaw of each schema version executed to bring a database there, as it was published.
-- Frozen: db/schema.cpp must go on from each of these, so nothing here is taken from it.
-- version 1
CREATE TABLE sweep(
  id INTEGER PRIMARY KEY CHECK(id = 1),
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  crosslaw TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

-- One planned training. The key is the sha256 of the recipe: everything that can change a loss.
CREATE TABLE run(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  recipe TEXT NOT NULL CHECK(json_valid(recipe)),
  strategy TEXT NOT NULL,
  language TEXT NOT NULL,
  source_language TEXT,
  replay REAL NOT NULL,
  size TEXT NOT NULL,
  seed INTEGER NOT NULL,
  params_embedding INTEGER NOT NULL,
  params_unembedding INTEGER NOT NULL,
  params_blocks INTEGER NOT NULL,
  params_norms INTEGER NOT NULL,
  params_budget INTEGER NOT NULL,
  steps INTEGER NOT NULL,
  tokens_target INTEGER NOT NULL,
  tokens_source INTEGER NOT NULL,
  flops REAL NOT NULL,
  parent_key TEXT,
  retired INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE attempt(
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run(id),
  n INTEGER NOT NULL,
  token TEXT NOT NULL UNIQUE,
  folder TEXT NOT NULL,
  device TEXT NOT NULL,
  host TEXT NOT NULL,
  boot_id TEXT,
  pid INTEGER,
  pid_start INTEGER,
  log_offset INTEGER NOT NULL DEFAULT 0,
  damaged_lines INTEGER NOT NULL DEFAULT 0,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER,
  outcome TEXT,
  message TEXT,
  exit_code INTEGER,
  exit_signal INTEGER,
  start_step INTEGER,
  step INTEGER,
  seconds REAL,
  tokens_per_second REAL,
  provenance TEXT,
  UNIQUE(run_id, n),
  CHECK((ended_ms IS NULL) = (outcome IS NULL))
) STRICT;
-- Two live attempts of one run cannot be recorded.
CREATE UNIQUE INDEX attempt_live ON attempt(run_id) WHERE ended_ms IS NULL;

CREATE TABLE eval(
  run_id INTEGER NOT NULL REFERENCES run(id),
  language TEXT NOT NULL,
  step INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL REFERENCES attempt(id),
  tokens_target INTEGER NOT NULL,
  tokens_source INTEGER NOT NULL,
  flops REAL NOT NULL,
  loss_nats REAL,
  loss_nats_per_byte REAL,
  end_of_schedule INTEGER NOT NULL,
  PRIMARY KEY(run_id, language, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE train_loss(
  run_id INTEGER NOT NULL REFERENCES run(id),
  step INTEGER NOT NULL,
  loss_nats REAL,
  gradient_norm REAL,
  PRIMARY KEY(run_id, step)
) STRICT, WITHOUT ROWID;

-- Published checkpoints; folders are relative to the sweep's.
CREATE TABLE checkpoint(
  run_id INTEGER NOT NULL REFERENCES run(id),
  step INTEGER NOT NULL,
  attempt_id INTEGER NOT NULL REFERENCES attempt(id),
  folder TEXT NOT NULL,
  PRIMARY KEY(run_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE event(
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  run_id INTEGER REFERENCES run(id),
  kind TEXT NOT NULL,
  message TEXT NOT NULL
) STRICT;

CREATE TABLE fit(
  id INTEGER PRIMARY KEY,
  created_ms INTEGER NOT NULL,
  language TEXT NOT NULL,
  name TEXT NOT NULL,
  input_sha256 TEXT NOT NULL,
  result TEXT NOT NULL CHECK(json_valid(result)),
  UNIQUE(language, name)
) STRICT;

CREATE VIEW run_results AS
SELECT run.id AS run_id, run.key, run.name, run.strategy, run.language, run.source_language, run.replay, run.size, run.seed,
       run.params_embedding, run.params_unembedding, run.params_blocks, run.params_norms,
       run.params_embedding + run.params_unembedding + run.params_blocks + run.params_norms AS params_total,
       run.params_budget, run.steps, run.tokens_target, run.tokens_source, run.tokens_target + run.tokens_source AS tokens_total, run.flops,
       CASE WHEN last.id IS NULL THEN 'pending' WHEN last.ended_ms IS NULL THEN 'started' ELSE last.outcome END AS outcome,
       final.loss_nats, final.loss_nats_per_byte,
       (SELECT count(*) FROM attempt WHERE attempt.run_id = run.id) AS attempts,
       (SELECT sum(seconds) FROM attempt WHERE attempt.run_id = run.id) AS seconds,
       last.device, last.message, run.parent_key
FROM run
LEFT JOIN attempt AS last ON last.id = (SELECT id FROM attempt WHERE attempt.run_id = run.id ORDER BY n DESC LIMIT 1)
LEFT JOIN eval AS final ON final.run_id = run.id AND final.language = run.language AND final.step = run.steps
WHERE NOT run.retired;

CREATE VIEW observations AS
SELECT run.strategy, run.language, run.size, run.seed, run.replay,
       run.params_embedding, run.params_unembedding, run.params_blocks, run.params_norms,
       eval.tokens_target, eval.tokens_source, eval.tokens_target + eval.tokens_source AS tokens_total,
       eval.flops, eval.loss_nats, eval.loss_nats_per_byte, eval.end_of_schedule, eval.step, run.name AS run, run.key,
       run.params_budget, run_results.outcome
FROM eval JOIN run ON run.id = eval.run_id JOIN run_results ON run_results.run_id = run.id
WHERE eval.language = run.language AND NOT run.retired
ORDER BY run.id, eval.step;
-- version 2
ALTER TABLE attempt ADD COLUMN backend TEXT NOT NULL DEFAULT 'local';
ALTER TABLE attempt ADD COLUMN job TEXT;
ALTER TABLE attempt ADD COLUMN node TEXT;
ALTER TABLE attempt ADD COLUMN gpu_uuid TEXT;
-- Sequences of one micro-batch: as asked for, then as the trainer used.
ALTER TABLE attempt ADD COLUMN micro_batch INTEGER;
-- Taken out by the user: not trained until crosslaw retry takes it in again.
ALTER TABLE run ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
-- version 3
ALTER TABLE run ADD COLUMN tokens_base INTEGER;
ALTER TABLE run ADD COLUMN base_tokens_per_param REAL;
ALTER TABLE run ADD COLUMN base_phase TEXT;
ALTER TABLE run ADD COLUMN valid_seen_share REAL;
ALTER TABLE run ADD COLUMN search INTEGER NOT NULL DEFAULT 0;
ALTER TABLE eval ADD COLUMN valid_tokens INTEGER;
DROP VIEW observations;
DROP VIEW run_results;

CREATE VIEW run_results AS
SELECT run.id AS run_id, run.key, run.name, run.strategy, run.language, run.source_language, run.replay, run.size, run.seed,
       run.params_embedding, run.params_unembedding, run.params_blocks, run.params_norms,
       run.params_embedding + run.params_unembedding + run.params_blocks + run.params_norms AS params_total,
       run.params_budget, run.steps, run.tokens_target, run.tokens_source, run.tokens_target + run.tokens_source AS tokens_total, run.flops,
       CASE WHEN last.id IS NULL THEN 'pending' WHEN last.ended_ms IS NULL THEN 'started' ELSE last.outcome END AS outcome,
       final.loss_nats, final.loss_nats_per_byte,
       (SELECT count(*) FROM attempt WHERE attempt.run_id = run.id) AS attempts,
       (SELECT sum(seconds) FROM attempt WHERE attempt.run_id = run.id) AS seconds,
       last.device, last.message, run.parent_key, run.tokens_base, run.base_tokens_per_param, run.base_phase, run.valid_seen_share, run.search
FROM run
LEFT JOIN attempt AS last ON last.id = (SELECT id FROM attempt WHERE attempt.run_id = run.id ORDER BY n DESC LIMIT 1)
LEFT JOIN eval AS final ON final.run_id = run.id AND final.language = run.language AND final.step = run.steps
WHERE NOT run.retired;

-- Every validation loss on every text; step 0 is the model that a continued run begins from.
CREATE VIEW losses AS
SELECT run.strategy, run.language, run.source_language, run.size, run.seed, run.replay,
       run.tokens_base, run.base_tokens_per_param, run.base_phase,
       run.params_embedding, run.params_unembedding, run.params_blocks, run.params_norms,
       eval.tokens_target, eval.tokens_source, eval.tokens_target + eval.tokens_source AS tokens_total,
       eval.flops, eval.language AS valid_language, eval.valid_tokens,
       eval.loss_nats, eval.loss_nats_per_byte, eval.loss_nats_per_byte * 1.4426950408889634 AS bits_per_byte,
       eval.end_of_schedule, eval.step, run.name AS run, run.key, run.params_budget, run_results.outcome, run.id AS run_id
FROM eval JOIN run ON run.id = eval.run_id JOIN run_results ON run_results.run_id = run.id
WHERE NOT run.retired
ORDER BY run.id, eval.language <> run.language, eval.language, eval.step;

CREATE VIEW observations AS
SELECT losses.* FROM losses JOIN run ON run.id = losses.run_id
WHERE valid_language = losses.language AND step > 0 AND NOT run.search ORDER BY run_id, step;
-- version 4
CREATE TABLE choice_score(
  run_id INTEGER NOT NULL REFERENCES run(id),
  name TEXT NOT NULL,
  step INTEGER NOT NULL,
  questions INTEGER NOT NULL,
  correct INTEGER NOT NULL,
  correct_by_byte INTEGER NOT NULL,
  answer_nats_per_byte REAL,
  PRIMARY KEY(run_id, name)
) STRICT, WITHOUT ROWID;

CREATE VIEW choice_scores AS
SELECT choice_score.name AS choices, run.strategy, run.language, run.source_language, run.replay, run.base_tokens_per_param,
       run.size, run.seed, run.tokens_target, run.tokens_source, run_results.loss_nats, choice_score.questions,
       choice_score.correct, choice_score.correct_by_byte, choice_score.answer_nats_per_byte, run.name AS run, run.key
FROM choice_score JOIN run ON run.id = choice_score.run_id JOIN run_results ON run_results.run_id = run.id
WHERE NOT run.retired
ORDER BY choice_score.name, run.id;
-- version 5
CREATE TABLE evidence(
  run_id INTEGER PRIMARY KEY REFERENCES run(id),
  sha256 TEXT NOT NULL
) STRICT;
ALTER TABLE fit ADD COLUMN result_sha256 TEXT;
-- version 6
ALTER TABLE attempt ADD COLUMN build TEXT;
ALTER TABLE attempt ADD COLUMN program_sha256 TEXT;
ALTER TABLE attempt ADD COLUMN data_sha256 TEXT;
ALTER TABLE attempt ADD COLUMN gpu_name TEXT;
ALTER TABLE attempt ADD COLUMN driver TEXT;
ALTER TABLE attempt ADD COLUMN gpus INTEGER;
ALTER TABLE attempt ADD COLUMN gpu_seconds REAL;

CREATE VIEW attempts AS
SELECT run.name AS run, run.key, run.strategy, run.language, run.size, run.seed, attempt.n, attempt.outcome, attempt.message,
       attempt.device, attempt.host, attempt.node, attempt.backend, attempt.job, attempt.gpus, attempt.gpu_name, attempt.gpu_uuid,
       attempt.driver, attempt.build, attempt.program_sha256, attempt.data_sha256,
       strftime('%Y-%m-%dT%H:%M:%fZ', attempt.started_ms / 1000.0, 'unixepoch') AS started,
       strftime('%Y-%m-%dT%H:%M:%fZ', attempt.ended_ms / 1000.0, 'unixepoch') AS ended,
       attempt.start_step, attempt.step, attempt.seconds, attempt.gpu_seconds, attempt.tokens_per_second, attempt.micro_batch,
       attempt.folder, attempt.provenance
FROM attempt JOIN run ON run.id = attempt.run_id
ORDER BY attempt.run_id, attempt.n;
-- version 7
ALTER TABLE eval ADD COLUMN seen_tokens INTEGER;
ALTER TABLE eval ADD COLUMN loss_seen_nats REAL;
DROP VIEW observations;
DROP VIEW losses;

-- Every validation loss on every text; step 0 is the model that a continued run begins from.
CREATE VIEW losses AS
SELECT run.strategy, run.language, run.source_language, run.size, run.seed, run.replay,
       run.tokens_base, run.base_tokens_per_param, run.base_phase,
       run.params_embedding, run.params_unembedding, run.params_blocks, run.params_norms,
       eval.tokens_target, eval.tokens_source, eval.tokens_target + eval.tokens_source AS tokens_total,
       eval.flops, eval.language AS valid_language, eval.valid_tokens,
       eval.loss_nats, eval.loss_nats_per_byte, eval.loss_nats_per_byte * 1.4426950408889634 AS bits_per_byte,
       eval.end_of_schedule, eval.step, run.name AS run, run.key, run.params_budget, run_results.outcome, run.id AS run_id,
       eval.seen_tokens, eval.loss_seen_nats,
       CASE WHEN eval.valid_tokens > eval.seen_tokens
            THEN (eval.loss_nats * eval.valid_tokens - eval.loss_seen_nats * eval.seen_tokens) / (eval.valid_tokens - eval.seen_tokens)
       END AS loss_clean_nats
FROM eval JOIN run ON run.id = eval.run_id JOIN run_results ON run_results.run_id = run.id
WHERE NOT run.retired
ORDER BY run.id, eval.language <> run.language, eval.language, eval.step;

CREATE VIEW observations AS
SELECT losses.* FROM losses JOIN run ON run.id = losses.run_id
WHERE valid_language = losses.language AND step > 0 AND NOT run.search ORDER BY run_id, step;
