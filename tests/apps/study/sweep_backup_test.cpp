#include "apps/study/sweep_backup.h"

#include <atomic>
#include <fstream>
#include <thread>

#include "apps/study/sweep_folder.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

// A sweep of one run whose trainer writes lines and whose orchestrator reads them, for as long as
// this object lives.
class BusySweep {
 public:
  explicit BusySweep(const fs::path& folder) : folder_(folder) {
    fs::create_directories(attempt());
    fs::create_directories(folder / "data");
    std::ofstream(folder / "data/fr.train.tokens") << std::string(100000, 'x');
    std::ofstream(folder / "data/manifest.json") << "{}";
    fs::create_directories(attempt() / "checkpoint-00000010");
    std::ofstream(attempt() / "checkpoint-00000010/model.safetensors") << "weights";
    std::ofstream(attempt() / "config.json") << "{}";
    fs::create_symlink("/etc/passwd", attempt() / "log.txt");
    db::RunStore store = db::RunStore::create(database_file(folder));
    store.put_sweep("busy", "name = 'busy'", "test", 1);
    db::RunRow run;
    run.key = kKey, run.name = "run", run.recipe = "{}", run.strategy = "scratch";
    run.language = "fr", run.size = "d12", run.steps = 1'000'000;
    store.sync_runs({run});
    db::AttemptRow row;
    row.run_id = store.runs().front().id, row.n = 1, row.token = "t", row.device = "cpu";
    row.folder = "runs/" + kKey + "/attempt-1", row.host = "here", row.started_ms = 1;
    run_id_ = row.run_id;
    attempt_id_ = store.begin_attempt(row);
    writer_ = std::thread([this] { write(); });
    while (written_ < 20) std::this_thread::yield();
  }
  ~BusySweep() {
    stop_ = true;
    writer_.join();
  }
  BusySweep(const BusySweep&) = delete;
  BusySweep& operator=(const BusySweep&) = delete;

  int64_t written() const { return written_; }
  fs::path attempt() const { return folder_ / "runs" / kKey / "attempt-1"; }

  inline static const std::string kKey = std::string(64, 'a');

 private:
  void write() {
    db::RunStore store = db::RunStore::create(database_file(folder_));
    std::ofstream lines(attempt() / "metrics.jsonl");
    for (int64_t step = 1; !stop_; ++step) {
      lines << "line\n" << std::flush;
      db::MetricsBatch batch;
      batch.evals = {{"fr", step, 10 * step, 0, 1.0, 2.0, 2.0, false}};
      batch.log_offset = 5 * step;
      store.ingest(run_id_, attempt_id_, batch);
      written_ = step;
    }
  }

  fs::path folder_;
  int64_t run_id_ = 0, attempt_id_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int64_t> written_{0};
  std::thread writer_;
};

int64_t number(db::RunStore& store, const std::string& sql) {
  db::Statement row(store.database(), sql);
  REQUIRE(row.step());
  return row.integer(0);
}

}  // namespace

TEST_CASE("a backup beside a writer is whole, of one instant, and a plain copy of it is a sweep") {
  tests::TempFolder folder;
  const fs::path out = folder / "backup", restored = folder / "restored";
  int64_t before = 0, after = 0;
  {
    const BusySweep sweep(folder / "sweep");
    before = sweep.written();
    const BackupSummary summary = backup_sweep(folder / "sweep", out, false);
    after = sweep.written();
    CHECK(summary.files == 3);  // metrics.jsonl, config.json, manifest.json
  }
  fs::copy(out, restored, fs::copy_options::recursive);
  int64_t offset = 0;
  {
    db::RunStore store = read_store(restored);
    CHECK(store.sweep_name() == "busy");
    db::Statement check(store.database(), "PRAGMA integrity_check");
    REQUIRE(check.step());
    CHECK(check.text(0) == "ok");
    CHECK_FALSE(db::Statement(store.database(), "PRAGMA foreign_key_check").step());
    // Rows and offset of one transaction, and every line that the offset counts is in the file.
    const int64_t rows = number(store, "SELECT count(*) FROM eval");
    offset = number(store, "SELECT log_offset FROM attempt");
    CHECK(rows >= before);
    CHECK(rows <= after + 1);
    CHECK(offset == 5 * rows);
  }
  const fs::path attempt = restored / "runs" / BusySweep::kKey / "attempt-1";
  CHECK(static_cast<int64_t>(fs::file_size(attempt / "metrics.jsonl")) >= offset);
  CHECK(fs::exists(attempt / "config.json"));
  // Too large, or leading elsewhere.
  CHECK_FALSE(fs::exists(attempt / "log.txt"));
  CHECK_FALSE(fs::exists(attempt / "checkpoint-00000010"));
  CHECK_FALSE(fs::exists(restored / "data/fr.train.tokens"));
  CHECK(fs::exists(restored / "data/manifest.json"));
  // The copy can be written.
  db::RunStore again = db::RunStore::create(database_file(restored));
  again.add_event(1, std::nullopt, "test", "written");
}

TEST_CASE("checkpoints come along when asked for") {
  tests::TempFolder folder;
  const BusySweep sweep(folder / "sweep");
  backup_sweep(folder / "sweep", folder / "backup", true);
  CHECK(tests::read_file(folder / "backup/runs" / BusySweep::kKey /
                         "attempt-1/checkpoint-00000010/model.safetensors") == "weights");
}

TEST_CASE("a backup overwrites nothing and does not lie inside the sweep") {
  tests::TempFolder folder;
  const BusySweep sweep(folder / "sweep");
  fs::create_directories(folder / "there");
  CHECK_THAT(tests::message_of([&] { backup_sweep(folder / "sweep", folder / "there", false); }),
             has_text("is there already"));
  CHECK_THAT(
      tests::message_of([&] { backup_sweep(folder / "sweep", folder / "sweep/backup", false); }),
      has_text("inside the sweep"));
  CHECK_THAT(tests::message_of([&] { backup_sweep(folder / "none", folder / "out", false); }),
             has_text("no sweep here"));
  CHECK_FALSE(fs::exists(folder / "out"));
}

}  // namespace crosslaw::apps
