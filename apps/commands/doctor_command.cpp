#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "apps/commands/commands.h"
#include "apps/commands/diagnosis.h"
#include "apps/commands/doctor_spec.h"
#include "apps/study/presets.h"
#include "apps/study/sweep_check.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/quantities.h"
#include "db/damage.h"
#include "db/files/file_system.h"
#include "db/files/printable.h"
#include "sweep/launch/gpu_lock.h"
#include "sweep/launch/local_launcher.h"
#include "sweep/launch/program.h"
#include "sweep/launch/slots.h"
#include "sweep/schedule/sweep_lock.h"
#include "trainer/corpus/corpus.h"
#include "trainer/corpus/language_shares.h"
#include "trainer/corpus/text_audit.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

constexpr double kLittleDiskBytes = 2e9;
constexpr double kLittleMemoryBytes = 2e9;
constexpr std::chrono::seconds kLoaderPatience{60};  // with a loader that reads from a cold disk

struct DoctorOptions {
  std::string subject;  // a spec, a preset, or a folder
  std::string folder;   // of the spec's sweep
  bool json = false, repair = false;
};

// Libraries that the loader cannot find, as ldd asks for them.
std::vector<std::string> missing_libraries(const fs::path& program) {
  std::vector<std::string> missing;
  // No shell: a path is a path, whatever its letters.
  const sweep::ProgramEnd listing =
      sweep::run_program({"env", "LD_TRACE_LOADED_OBJECTS=1", program.string()}, kLoaderPatience);
  std::istringstream lines(listing.output + listing.errors);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("not found") == std::string::npos) continue;
    const std::size_t name = line.find_first_not_of("\t ");
    missing.push_back(db::printable(line.substr(name, line.find(" =>") - name)));
  }
  return missing;
}

void examine_trainer(Diagnosis& d) {
  try {
    fs::path program = sweep::trainer_program();
    auto missing = missing_libraries(program);
    if (missing.empty()) {
      d.good(fmt::format("{} finds all its libraries", program.string()));
    } else {
      d.bad(fmt::format("{} misses {}", program.string(), fmt::join(missing, ", ")),
            "LibTorch has most likely moved: scripts/build.sh finds it again");
    }
  } catch (const std::runtime_error& error) {
    d.bad(error.what(), "crosslaw fit, allocate, report and plan work without it");
  }
}

void examine_machine(Diagnosis& d) {
  auto gpus = sweep::visible_gpu_uuids();
  if (gpus.empty()) {
    d.warn(
        "no GPU (nvidia-smi lists none)",
        "sweeps run on the CPU, which is right for the demo and wrong for billions of parameters");
  } else {
    d.good(fmt::format("{} GPUs: {}", gpus.size(), fmt::join(gpus, ", ")));
  }
  d.good(fmt::format("{} CPU slots", sweep::find_slots({.devices = "cpu"}).size()));
  double memory = available_memory_bytes();
  if (memory < kLittleMemoryBytes) {
    d.warn(fmt::format("{} of memory available", format_bytes(memory)),
           "the demo needs about 2 GB");
  } else {
    d.good(fmt::format("{} of memory available", format_bytes(memory)));
  }
}

// What contradicts what; with `repair` the derived part of it is made again.
void examine_consistency(Diagnosis& d, const fs::path& folder, bool repair) {
  std::size_t found = 0;
  bool derived = false;
  for (const Inconsistency& each : check_sweep(folder)) {
    if (each.derived && repair) {
      derived = true;
      continue;
    }
    ++found;
    each.stops ? d.bad(each.what, each.mend) : d.warn(each.what, each.mend);
  }
  if (derived) {
    const std::string not_stored = repair_derived(folder);
    if (not_stored.empty()) {
      d.good("the fits were made again");
    } else {
      d.bad(fmt::format("the fits could not be stored: {}", not_stored),
            "again, once nobody runs the sweep");
    }
  } else if (found == 0) {
    d.good("database, run folders and plan agree");
  }
}

void examine_folder(Diagnosis& d, const fs::path& folder, bool repair) {
  if (!fs::is_directory(folder))
    return d.bad(fmt::format("{}: is no folder", folder.string()), "name an existing one");
  if (auto network = db::network_file_system(folder)) {
    d.bad(fmt::format("{} lies on {}", folder.string(), *network),
          "SQLite needs a local file system; use another --dir");
  } else {
    d.good(fmt::format("{} is on a local file system", folder.string()));
  }
  if (::access(folder.c_str(), W_OK) != 0)
    d.bad(fmt::format("{} is not writable", folder.string()),
          "change its permissions or use another --dir");
  double free_bytes = static_cast<double>(fs::space(folder).available);
  if (free_bytes < kLittleDiskBytes) {
    d.warn(fmt::format("{} of disk free in {}", format_bytes(free_bytes), folder.string()),
           "crosslaw plan tells what a sweep's checkpoints need");
  } else {
    d.good(fmt::format("{} of disk free in {}", format_bytes(free_bytes), folder.string()));
  }
  if (!fs::exists(database_file(folder))) return;
  if (const std::string damage = db::database_damage(database_file(folder)); damage.empty()) {
    d.good("crosslaw.db is whole");
    examine_consistency(d, folder, repair);
  } else {
    d.bad(fmt::format("crosslaw.db is damaged: {}", damage),
          "crosslaw run makes it again from the folders of its runs");
  }
  if (sweep::SweepLock::is_held(folder))
    d.good(fmt::format("{} is running this sweep", sweep::SweepLock::holder(folder)));
}

// What was found when the sweep's texts were prepared.
void examine_texts(Diagnosis& d, const fs::path& folder) {
  const auto audit = trainer::stored_text_audit(data_folder(folder) / "manifest.json");
  if (!audit) return;
  for (const trainer::Overlap& overlap : audit->overlaps) {
    const bool seen = overlap.passages.share() > trainer::CorpusOptions().allow_overlap;
    if (!seen) {
      d.good(describe(overlap));
    } else {
      d.warn(describe(overlap), overlap.documents.empty() ? "" : describe(overlap.documents[0]));
    }
  }
  for (const auto& [language, splits] : audit->languages) {
    for (const auto& [split, shares] : splits) {
      if (!shares.empty())
        d.good(fmt::format("{} ({}) is {}", language, split, trainer::describe(shares)));
    }
  }
}

void examine_folder_or_spec(Diagnosis& d, const DoctorOptions& options) {
  const fs::path subject = options.subject.empty() ? fs::path(".") : fs::path(options.subject);
  const fs::path spec = file_or_preset(options.subject, ".toml");
  if (!options.subject.empty() && !fs::is_directory(subject) && fs::is_regular_file(spec))
    return examine_spec(d, spec, options.folder);
  const fs::path folder = options.folder.empty() ? subject : fs::path(options.folder);
  examine_folder(d, folder, options.repair);
  examine_texts(d, folder);
}

int run_doctor(const DoctorOptions& options) {
  Diagnosis d;
  examine_trainer(d);
  examine_machine(d);
  examine_folder_or_spec(d, options);
  fmt::print("{}", options.json ? d.json() : d.text());
  return d.exit_code();
}

}  // namespace

void add_doctor_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand("doctor", "What would stop a sweep here, and the mend");
  command->add_option(
      "subject", options->subject,
      "A spec or a preset: all of it is checked; or a sweep's folder (default: here)");
  command->add_option("--dir", options->folder,
                      "With a spec: the sweep's folder (default: sweeps/<name>)");
  command->add_flag("--repair", options->repair,
                    "Of a sweep's folder: make again what is derived from its losses, the fits");
  command->add_flag("--json", options->json, "One JSON object");
  command->callback([options, &exit_code] { exit_code = run_doctor(*options); });
}

}  // namespace crosslaw::apps
