#include "apps/commands/sweep_opening.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <iostream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "apps/study/sweep_folder.h"
#include "apps/terminal/interrupts.h"
#include "apps/terminal/quantities.h"
#include "db/damage.h"
#include "db/files/content_hash.h"
#include "db/files/file_system.h"
#include "sweep/launch/run_launcher.h"
#include "sweep/plan/plan_changes.h"
#include "sweep/plan/text_checks.h"

namespace crosslaw::apps {
namespace fs = std::filesystem;

sweep::SweepLock take_sweep(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw std::invalid_argument(
        fmt::format("{}: cannot be made: {}; choose another folder with --dir", folder.string(),
                    error.message()));
  db::refuse_network_file_system(folder);
  auto lock = sweep::SweepLock::take_soon(folder);
  if (!lock)
    throw std::invalid_argument(fmt::format(
        "{}: {} is already running this sweep; watch it with crosslaw status {} --watch",
        folder.string(), sweep::SweepLock::holder(folder), folder.string()));
  return std::move(*lock);
}

void refuse_links(const fs::path& folder) {
  for (const char* name : {"runs", "data", "requests", "crosslaw.db", "crosslaw.db-wal"}) {
    if (!fs::is_symlink(folder / name)) continue;
    throw std::invalid_argument(fmt::format(
        "{}: is a link, and a sweep's folder holds none: what lies behind it would be written and "
        "deleted; put it there itself, or name another place for runs/ and data/ by launch.files",
        (folder / name).string()));
  }
}

db::RunStore open_or_renew(const fs::path& folder, const Say& say) {
  const fs::path file = database_file(folder);
  // A second Ctrl-C ends the waiting, too.
  const db::LockPatience patience{say, [] { return Interrupts::heard() > 1; }};
  if (const std::string damage = db::database_damage(file, patience); !damage.empty()) {
    const fs::path aside = db::put_aside(file);
    say(
        fmt::format("{}: is damaged ({}); it is made again from the folders of the runs, and kept "
                    "as {}",
                    file.string(), damage, aside.filename().string()));
  }
  return db::RunStore::create(file, patience);
}

void refuse_other_sweep(const fs::path& folder, const db::RunStore& store,
                        const std::string& name) {
  std::string held = store.known_runs().empty() ? "" : store.sweep_name();
  // The database may be lost; then the spec beside it tells.
  if (held.empty() && fs::exists(folder / "runs") && fs::exists(resolved_spec_file(folder))) {
    try {
      held = sweep::read_spec(resolved_spec_file(folder)).name;
    } catch (const std::exception&) {
    }
  }
  if (held.empty() || held == name) return;
  throw std::invalid_argument(
      fmt::format("{}: holds the sweep \"{}\", and this spec is \"{}\"; choose another folder with "
                  "--dir, or --yes to make the folder this spec's",
                  folder.string(), held, name));
}

namespace {

bool answered_yes(const std::string& question) {
  fmt::print(stderr, "{} [y/N] ", question);
  std::fflush(stderr);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

bool agree_to_changes(const db::RunStore& store, const std::vector<db::RunRow>& planned, bool yes,
                      const fs::path& folder, const Say& say) {
  const sweep::PlanChanges changes = sweep::plan_changes(store, planned);
  if (changes.retired.empty()) return true;
  for (const std::string& line : sweep::describe(changes)) say(line);
  const int64_t finished = changes.finished_retired();
  if (finished == 0 || yes) return true;
  const std::string what = fmt::format(
      "{}: {} finished runs ({} of training) would be retired: their results would "
      "count no more, until a spec asks for them again",
      folder.string(), finished, format_seconds(changes.seconds_retired()));
  if (!::isatty(STDIN_FILENO) || !::isatty(STDERR_FILENO))
    throw std::invalid_argument(what +
                                "; --yes does it, --dir chooses another folder, and nothing has "
                                "been changed");
  return answered_yes(what + ". Go on?");
}

void refuse_other_queue(const db::RunStore& store, const sweep::LaunchSpec& launch,
                        const fs::path& folder) {
  for (const db::AttemptRow& attempt : store.open_attempts()) {
    if (attempt.backend == "local" || attempt.job == sweep::kEndedJob ||
        attempt.backend == launch.backend)
      continue;
    throw std::invalid_argument(fmt::format(
        "{}: jobs of this sweep are still with launch.backend = \"{}\"; crosslaw stop {} ends them "
        "with a checkpoint, after which \"{}\" goes on",
        folder.string(), attempt.backend, folder.string(), launch.backend));
  }
}

void require_texts(const sweep::SweepSpec& spec) {
  if (const std::string missing = sweep::check_texts(spec); !missing.empty())
    throw sweep::SpecError(missing);
}

trainer::Corpus prepare_text(const sweep::SweepSpec& spec, const fs::path& data, const Say& say,
                             ProgressLine& progress) {
  trainer::Corpus corpus = trainer::prepare_corpus(sweep::corpus_options(spec, data), say,
                                                   [&](int64_t percent, const std::string& text) {
                                                     progress.show(percent, [&] { return text; });
                                                   });
  for (const std::string& note : corpus.audit.notes) say(note);
  if (corpus.vocabulary > spec.vocabulary) {
    throw std::invalid_argument(
        fmt::format("{}: ladder.vocabulary = {} is smaller than the tokenizer's {}",
                    spec.file.string(), spec.vocabulary, corpus.vocabulary));
  }
  return corpus;
}

bool drop_damaged_shards(const trainer::Corpus& corpus, const Say& say) {
  std::vector<std::future<fs::path>> looks;
  for (const trainer::LanguageShards& language : corpus.languages) {
    for (const trainer::ShardRecord* shard : {&language.train, &language.valid}) {
      looks.push_back(std::async(std::launch::async, [shard] {
        return db::sha256_of_file(shard->file) == shard->sha256 ? fs::path() : shard->file;
      }));
    }
  }
  bool any = false;
  for (std::future<fs::path>& look : looks) {
    const fs::path damaged = look.get();
    if (damaged.empty()) continue;
    say(fmt::format("{}: is damaged (its hash differs); it is made again", damaged.string()));
    any |= fs::remove(damaged);
  }
  return any;
}

}  // namespace crosslaw::apps
