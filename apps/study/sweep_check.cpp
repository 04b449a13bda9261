#include "apps/study/sweep_check.h"

#include <fmt/format.h>

#include <exception>
#include <map>
#include <set>

#include "apps/study/sweep_fits.h"
#include "apps/study/sweep_folder.h"
#include "sweep/plan/plan.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

// Names that share one fault, told by their number and the first of them.
class Faulty {
 public:
  void add(const std::string& name) {
    if (count_++ == 0) first_ = name;
  }
  // "3 runs, the first of them \"source 49M 20tpp\", ..."
  void report(const std::string& fault, const std::string& mend, bool stops,
              std::vector<Inconsistency>& out) const {
    if (count_ == 0) return;
    const std::string who =
        count_ == 1 ? first_ : fmt::format("{} of them, the first {}", count_, first_);
    out.push_back({fmt::format("{}: {}", fault, who), mend, stops, false});
  }

 private:
  std::size_t count_ = 0;
  std::string first_;
};

void check_results(const db::RunStore& store, std::vector<Inconsistency>& out) {
  Faulty lost;
  db::Statement rows(store.database(),
                     "SELECT name FROM run_results AS r WHERE outcome = 'done' AND NOT EXISTS "
                     "(SELECT 1 FROM eval WHERE eval.run_id = r.run_id AND eval.language = "
                     "r.language AND eval.step = r.steps)");
  while (rows.step()) lost.add(rows.text(0));
  lost.report("runs that are done have no loss at their last step",
              "crosslaw retry DIR RUN trains them again", true, out);
}

void check_attempts(const db::RunStore& store, const fs::path& files,
                    std::vector<Inconsistency>& out) {
  Faulty gone, cut;
  for (const db::AttemptRow& attempt : store.attempts()) {
    if (!attempt.ended_ms) continue;
    const fs::path folder = files / attempt.folder;
    std::error_code none;
    if (!fs::is_directory(folder, none)) {
      gone.add(attempt.folder);
      continue;
    }
    const auto size = fs::file_size(trainer::metrics_file(folder), none);
    if (attempt.log_offset > 0 && (none || static_cast<int64_t>(size) < attempt.log_offset))
      cut.add(attempt.folder);
  }
  gone.report("folders of attempts are gone",
              "their losses are in the database; a backup has the rest", false, out);
  cut.report("metrics.jsonl is shorter than what was read of it",
             "its losses are in the database; a backup has the file", false, out);
}

void check_checkpoints(const db::RunStore& store, const fs::path& files,
                       std::vector<Inconsistency>& out) {
  Faulty gone;
  db::Statement rows(store.database(), "SELECT folder FROM checkpoint");
  while (rows.step()) {
    std::error_code none;
    if (!fs::is_directory(files / rows.text(0), none)) gone.add(rows.text(0));
  }
  gone.report("checkpoints that are recorded are gone",
              "crosslaw run trains again what is still needed of them", false, out);
}

void check_folders(const db::RunStore& store, const fs::path& files,
                   std::vector<Inconsistency>& out) {
  std::set<std::string> known;
  db::Statement rows(store.database(), "SELECT key FROM run");
  while (rows.step()) known.insert(rows.text(0));
  Faulty unknown;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(files / "runs", none)) {
    const std::string name = entry.path().filename().string();
    if (!known.contains(name)) unknown.add("runs/" + name);
  }
  unknown.report("run folders that the database does not know",
                 "they belong to another sweep, or to a database that was lost: move them away, or "
                 "restore the database from a backup",
                 false, out);
}

// By name: keys hang on the text's hashes, which nobody reads here.
void check_plan(const db::RunStore& store, const fs::path& folder,
                std::vector<Inconsistency>& out) {
  if (!fs::exists(resolved_spec_file(folder))) {
    out.push_back(
        {"spec.toml is missing", "crosslaw run SPEC --dir DIR writes it again", false, false});
    return;
  }
  std::map<std::string, int> names;  // +1 planned, -1 stored
  try {
    const sweep::SweepSpec spec = sweep::read_spec(resolved_spec_file(folder));
    const sweep::Plan plan = sweep::make_plan(
        spec, sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head), nullptr);
    for (const sweep::PlannedRun& run : plan.runs) ++names[run.name];
  } catch (const std::invalid_argument& error) {
    out.push_back({fmt::format("spec.toml cannot be planned: {}", error.what()),
                   "crosslaw run SPEC --dir DIR writes it again", false, false});
    return;
  }
  for (const db::RunRow& run : store.runs()) --names[run.name];
  Faulty missing, more;
  for (const auto& [name, difference] : names) {
    if (difference > 0) missing.add(name);
    if (difference < 0) more.add(name);
  }
  missing.report("runs of spec.toml are not in the database", "crosslaw run adds them", false, out);
  more.report("runs in the database are not in spec.toml", "crosslaw run retires them", false, out);
}

void check_fits(const db::RunStore& store, std::vector<Inconsistency>& out) {
  db::Statement stored(store.database(), "SELECT count(*) FROM fit");
  if (!stored.step() || stored.integer(0) == 0) return;
  const std::string mend = "crosslaw doctor DIR --repair makes them again";
  // Where one lost a bit the store gives none of them.
  if (store.fits().empty()) {
    out.push_back({"a stored fit is damaged", mend, false, true});
    return;
  }
  try {
    const Observations observations(store, ParamsCount::kAll);
    if (!fits_are_current(store, observations)) {
      out.push_back(
          {"the stored fits are not of the losses that are there now", mend, false, true});
    } else {
      stored_fits(store, observations);
    }
  } catch (const std::exception& error) {
    out.push_back(
        {fmt::format("the stored fits cannot be read: {}", error.what()), mend, true, true});
  }
}

}  // namespace

std::vector<Inconsistency> check_sweep(const fs::path& folder) {
  const db::RunStore store = read_store(folder);
  const fs::path files = files_folder(folder);
  std::vector<Inconsistency> out;
  check_results(store, out);
  check_attempts(store, files, out);
  check_checkpoints(store, files, out);
  check_folders(store, files, out);
  check_plan(store, folder, out);
  check_fits(store, out);
  return out;
}

std::string repair_derived(const fs::path& folder) {
  return fits_of_folder(folder.string(), {}, true, [](const std::string&) {}).not_stored;
}

}  // namespace crosslaw::apps
