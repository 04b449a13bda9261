#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "apps/commands/commands.h"
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
  std::string folder;
};

class Diagnosis {
 public:
  void good(const std::string& what) { fmt::print("ok    {}\n", what); }
  void warn(const std::string& what, const std::string& mend) {
    fmt::print("warn  {}\n      {}\n", what, mend);
  }
  void bad(const std::string& what, const std::string& mend) {
    fmt::print("STOP  {}\n      {}\n", what, mend);
    ++stops_;
  }
  int exit_code() const { return stops_ > 0 ? 1 : 0; }

 private:
  int stops_ = 0;
};

double available_memory_bytes() {
  std::ifstream input("/proc/meminfo");
  for (std::string key; input >> key;) {
    double kilobytes = 0;
    input >> kilobytes;
    input.ignore(256, '\n');
    if (key == "MemAvailable:") return kilobytes * 1024;
  }
  return 0;
}

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

void examine_folder(Diagnosis& d, const fs::path& folder) {
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

int run_doctor(const DoctorOptions& options) {
  Diagnosis d;
  examine_trainer(d);
  examine_machine(d);
  examine_folder(d, options.folder.empty() ? fs::path(".") : fs::path(options.folder));
  examine_texts(d, options.folder.empty() ? fs::path(".") : fs::path(options.folder));
  return d.exit_code();
}

}  // namespace

void add_doctor_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand("doctor", "What would stop a sweep here, and the mend");
  command->add_option("dir", options->folder,
                      "A sweep's folder, or where one shall be (default: here)");
  command->callback([options, &exit_code] { exit_code = run_doctor(*options); });
}

}  // namespace crosslaw::apps
