#include "apps/study/sweep_status.h"

#include <fstream>

#include "apps/study/sweep_folder.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::apps {
namespace {

constexpr int64_t kStartedMs = 1'000'000;
constexpr int64_t kHourMs = 3'600'000;

db::RunRow planned(char letter) {
  db::RunRow run;
  run.key = std::string(64, letter), run.name = std::string("run ") + letter, run.recipe = "{}";
  run.strategy = "scratch", run.language = "fr", run.size = "d12", run.steps = 100;
  run.tokens_target = 1'000'000, run.flops = 6e15;
  return run;
}

// Three runs on GPUs: one done, one training, one that waits.
struct GpuSweep {
  tests::TempFolder folder;
  std::filesystem::path attempt;

  GpuSweep() {
    db::RunStore store = db::RunStore::create(database_file(folder.path()));
    store.put_sweep("small", "", "test", 1);
    store.sync_runs({planned('a'), planned('b'), planned('c')});
    const int64_t done = begin(store, 0), training = begin(store, 1);
    db::AttemptEnd end;
    end.outcome = db::Outcome::kDone, end.step = 100, end.start_step = 0, end.seconds = 3000;
    end.tokens_per_second = 300;
    store.end_attempt(done, end, kStartedMs + kHourMs);
    attempt = folder / ("runs/" + std::string(64, 'b') + "/attempt-1");
    std::filesystem::create_directories(attempt);
    std::ofstream(trainer::heartbeat_file(attempt)) << "25 100000\n";
    db::MetricsBatch losses;
    losses.evals = {{"fr", 10, 100000, 0, 6e14, 3.5, 3.5, false},
                    {"fr", 20, 200000, 0, 1.2e15, 2.5, 2.5, false}};
    store.ingest(store.runs()[1].id, training, losses);
  }

  static int64_t begin(db::RunStore& store, std::size_t run) {
    const db::RunRow row = store.runs()[run];
    db::AttemptRow attempt;
    attempt.run_id = row.id, attempt.n = 1, attempt.token = row.key, attempt.device = "cuda";
    attempt.folder = "runs/" + row.key + "/attempt-1", attempt.host = "here";
    attempt.started_ms = kStartedMs, attempt.origin.gpus = 2, attempt.origin.build = "0.1 (abc)";
    attempt.origin.program_sha256 = "123", attempt.origin.data_sha256 = "456";
    const int64_t id = store.begin_attempt(attempt);
    store.set_place(
        id, {.gpu_uuid = "GPU-1", .gpu_name = "NVIDIA H100 80GB HBM3", .driver = "535.129.03"});
    return id;
  }

  SweepStatus status(const std::string& holder) const {
    return sweep_status(folder.path(), holder, sweep::read_gpu_file("sweep/presets/gpus.toml"),
                        kStartedMs + 2 * kHourMs);
  }
};

}  // namespace

TEST_CASE("status shows what trains with step, last loss, speed and share of the GPUs' peak") {
  const GpuSweep sweep;
  const SweepStatus status = sweep.status("process 1");
  CHECK(status.total == 3);
  CHECK(status.finished == 1);
  CHECK(status.tokens_done == 1e6);
  REQUIRE(status.live.size() == 1);
  const LiveRun& run = status.live.front();
  CHECK(run.name == "run b");
  CHECK(run.step == 25);
  CHECK(run.loss_nats == 2.5);
  CHECK(run.seconds == 7200);
  CHECK(run.where == "NVIDIA H100 80GB HBM3");
  // 1e5 tokens a second of 6e9 FLOPs each, on two GPUs of 989.4 TFLOP/s.
  REQUIRE(run.utilisation);
  CHECK(*run.utilisation == Approx(1e5 * 6e9 / (2 * 989.4e12)));
  // One hour of what ended, two of what trains; two GPUs each.
  CHECK(status.gpu_seconds == 2 * 3600 + 2 * 7200);
}

TEST_CASE("nobody's attempt counts as interrupted and its hours as unknown") {
  const GpuSweep sweep;
  const SweepStatus status = sweep.status("");
  CHECK(status.live.empty());
  CHECK(status.outcomes.at("scratch").at("interrupted") == 1);
  CHECK(status.gpu_seconds == 2 * 3600);
}

TEST_CASE("a GPU is known by what its driver calls it") {
  const auto gpus = sweep::read_gpu_file("sweep/presets/gpus.toml");
  CHECK(kind_of("NVIDIA A100-SXM4-80GB", gpus)->name == "a100");
  CHECK(kind_of("NVIDIA H200", gpus)->name == "h200");
  CHECK(kind_of("NVIDIA GeForce RTX 4090", gpus) == nullptr);
}

TEST_CASE("the view attempts says what trained, on what and for how long") {
  const GpuSweep sweep;
  const db::RunStore store = read_store(sweep.folder.path());
  db::Statement row(store.database(),
                    "SELECT run, seed, outcome, build, program_sha256, data_sha256, gpu_name, "
                    "driver, gpus, started, ended, gpu_seconds FROM attempts");
  REQUIRE(row.step());
  CHECK(row.text(0) == "run a");
  CHECK(row.text(2) == "done");
  CHECK(row.text(3) == "0.1 (abc)");
  CHECK(row.text(4) == "123");
  CHECK(row.text(5) == "456");
  CHECK(row.text(7) == "535.129.03");
  CHECK(row.text(9) == "1970-01-01T00:16:40.000Z");
  CHECK(row.text(10) == "1970-01-01T01:16:40.000Z");
  CHECK(row.real(11) == 2 * 3600);
  REQUIRE(row.step());
  CHECK(row.is_null(2));
  CHECK(row.is_null(11));
}

}  // namespace crosslaw::apps
