#include "apps/commands/doctor_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "apps/commands/doctor_text.h"
#include "apps/commands/sweep_opening.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/quantities.h"
#include "db/files/file_system.h"
#include "fit/write/table.h"
#include "sweep/estimate/sweep_estimate.h"
#include "sweep/launch/command_templates.h"
#include "sweep/launch/gpu_lock.h"
#include "sweep/launch/program.h"
#include "sweep/launch/slots.h"
#include "sweep/launch/slurm.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kQueuePatience{15};

struct Examined {
  sweep::SweepSpec spec;
  sweep::Plan plan;
  fs::path folder;
};

// ---- machine

bool trains_on_gpu(const sweep::SweepSpec& spec, const std::vector<sweep::GpuFacts>& gpus) {
  return spec.launch.devices == "gpu" || (spec.launch.devices == "auto" && !gpus.empty());
}

// A GPU of this machine, of which only the memory is known for certain.
sweep::Machine machine_here(const std::vector<sweep::GpuFacts>& gpus,
                            const sweep::SweepSpec& spec) {
  sweep::Machine machine;
  const bool told = !gpus.empty() && gpus.front().memory_bytes > 0;
  if (!trains_on_gpu(spec, gpus) || !told) {
    machine.slot = {0, 0, 1};  // times are not looked at
    return machine;
  }
  sweep::GpuKind kind;
  kind.title = gpus.front().name;
  kind.memory_bytes = gpus.front().memory_bytes;
  for (const sweep::GpuFacts& gpu : gpus)
    kind.memory_bytes = std::min(kind.memory_bytes, gpu.memory_bytes);
  machine.gpu = kind;
  machine.slot = {0, 0, 1};
  machine.count = static_cast<int64_t>(gpus.size());
  return machine;
}

void examine_gpus(Diagnosis& d, const sweep::SweepSpec& spec,
                  const std::vector<sweep::GpuFacts>& gpus) {
  if (spec.launch.backend != "local" || spec.launch.devices == "cpu") return;
  if (gpus.empty()) {
    if (spec.launch.devices == "gpu")
      d.bad(
          "launch.devices = \"gpu\", and nvidia-smi lists no GPU that CUDA_VISIBLE_DEVICES allows",
          "install the driver, or launch.devices = \"cpu\"");
    return;
  }
  const auto busy = sweep::gpu_processes();
  std::size_t free = 0;
  for (const sweep::GpuFacts& gpu : gpus) {
    std::vector<std::string> pids;
    for (const sweep::GpuProcess& process : busy) {
      if (process.gpu_uuid == gpu.uuid) pids.push_back(fmt::format("{}", process.pid));
    }
    const bool taken = !sweep::GpuLock::try_take(gpu.uuid);
    if (pids.empty() && !taken) {
      ++free;
    } else {
      d.warn(fmt::format("{} ({}) is taken: {}", gpu.name, gpu.uuid,
                         taken ? "another crosslaw trains there"
                               : fmt::format("processes {} compute there", fmt::join(pids, ", "))),
             "it is left out until it is free; launch.share_gpus = true uses it all the same");
    }
  }
  if (free == 0 && !spec.launch.share_gpus) {
    d.bad("no GPU is free", "wait, or end what computes there");
  } else {
    d.good(fmt::format("{} of {} GPUs are free", free, gpus.size()));
  }
}

void examine_memory(Diagnosis& d, const Examined& e, const sweep::SweepEstimate& estimate,
                    const sweep::Machine& machine) {
  if (e.spec.launch.backend != "local") return;
  if (machine.gpu) {
    std::size_t failing = 0;
    std::string first;
    for (std::size_t i = 0; i < estimate.runs.size(); ++i) {
      if (estimate.runs[i].problem.empty()) continue;
      if (failing++ == 0)
        first = fmt::format("{}: {}", e.plan.runs[i].name, estimate.runs[i].problem);
    }
    if (failing > 0) {
      d.bad(fmt::format("{} runs do not fit: {}", failing, first),
            "crosslaw plan SPEC --gpu NAME tells which GPU holds them");
    } else {
      d.good(
          fmt::format("every run fits into the GPUs' {}", format_bytes(machine.gpu->memory_bytes)));
    }
    return;
  }
  if (e.spec.launch.devices == "gpu") return;  // there is none, or it tells nothing
  double largest = 0;
  for (const sweep::RunEstimate& run : estimate.runs) largest = std::max(largest, run.memory_bytes);
  sweep::LaunchSpec launch = e.spec.launch;
  launch.devices = "cpu";
  const auto slots = static_cast<double>(sweep::find_slots(launch).size());
  const double there = available_memory_bytes();
  const std::string what = fmt::format("{:.0f} runs at a time hold up to {}, {} of memory is free",
                                       slots, format_bytes(slots * largest), format_bytes(there));
  if (largest > there) {
    d.bad(what, "smaller sizes, a smaller batch, or a GPU");
  } else if (slots * largest > there) {
    d.warn(what, "launch.cpu_slots = fewer; a run that finds no memory halves its micro-batch");
  } else {
    d.good(what);
  }
}

void examine_disk(Diagnosis& d, const Examined& e, const sweep::SweepEstimate& estimate) {
  const fs::path files = existing_above(files_folder(e.spec.launch, e.folder));
  const double need = estimate.timetable.peak_disk_bytes;
  const std::string shortage = db::disk_shortage(files, need);
  if (shortage.empty()) {
    d.good(fmt::format("{} of checkpoints at the peak fit on the disk of {}", format_bytes(need),
                       files.string()));
  } else {
    d.bad(shortage, "another disk by --dir or launch.files");
  }
  const fs::path home = existing_above(e.folder);
  if (auto network = db::network_file_system(home)) {
    d.bad(fmt::format("{} lies on {}", home.string(), *network),
          "SQLite needs a local file system: a local --dir, with launch.files for the runs");
  } else {
    d.good(fmt::format("{} is on a local file system", home.string()));
  }
  for (const fs::path& each : {home, files}) {
    if (::access(each.c_str(), W_OK) != 0)
      d.bad(fmt::format("{} is not writable", each.string()),
            "change its permissions or use another --dir");
    if (home == files) break;
  }
}

// What of the folder crosslaw run refuses.
void examine_owner(Diagnosis& d, const Examined& e) {
  if (!fs::is_directory(e.folder)) return;
  if (sweep::SweepLock::is_held(e.folder))
    d.bad(fmt::format("{} is running the sweep in {}", sweep::SweepLock::holder(e.folder),
                      e.folder.string()),
          "wait for its end, or crosslaw stop; crosslaw status --watch shows it");
  try {
    refuse_links(e.folder);
    refuse_links(files_folder(e.spec.launch, e.folder));
    if (!fs::exists(database_file(e.folder))) return;
    const db::RunStore store = read_store(e.folder);
    refuse_other_sweep(e.folder, store, e.spec.name);
    refuse_other_queue(store, e.spec.launch, e.folder);
  } catch (const std::invalid_argument& error) {
    d.bad(error.what(), "crosslaw run would stop here, too");
  } catch (const std::exception& error) {  // a damaged database is made again
    d.warn(error.what(), "crosslaw doctor DIR tells more");
  }
}

void examine_backend(Diagnosis& d, const sweep::SweepSpec& spec) {
  const sweep::LaunchSpec& launch = spec.launch;
  if (launch.backend == "local") return;
  const sweep::BatchSystem system =
      launch.backend == "slurm" ? sweep::slurm(launch) : sweep::batch_system(launch);
  const std::vector<std::string> question = system.list({});
  const sweep::ProgramEnd answer = sweep::run_program(question, kQueuePatience);
  if (answer.good()) {
    d.good(fmt::format("launch.backend = \"{}\" answers ({})", launch.backend, question.front()));
  } else {
    d.bad(
        fmt::format("launch.backend = \"{}\" does not answer: {}: {}", launch.backend,
                    question.front(), answer.timed_out ? "no answer in time" : answer.complaint()),
        "on a login node of the cluster, with its programs on PATH, it does");
  }
}

}  // namespace

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

void examine_spec(Diagnosis& d, const fs::path& spec_file, fs::path folder) {
  Examined e;
  try {
    e.spec = sweep::read_spec(spec_file);
    e.plan = sweep::make_plan(
        e.spec, sweep::read_ladder(e.spec.ladder, e.spec.vocabulary, e.spec.tied_head), nullptr);
  } catch (const std::invalid_argument& error) {
    d.bad(error.what(), "the spec cannot be run as it is");
    return;
  }
  d.good(fmt::format("{}: {} runs can be planned", spec_file.string(), e.plan.runs.size()));
  for (const std::string& warning : e.plan.warnings) d.warn(warning, "");
  e.folder = folder.empty() ? fs::path("sweeps") / e.spec.name : folder;
  const std::vector<sweep::GpuFacts> gpus = sweep::visible_gpus();
  const sweep::Machine machine = machine_here(gpus, e.spec);
  const sweep::SweepEstimate estimate = sweep::estimate_sweep(e.plan, e.spec, machine);
  examine_text(d, e.spec, e.folder, estimate.text);
  examine_gpus(d, e.spec, gpus);
  examine_memory(d, e, estimate, machine);
  examine_disk(d, e, estimate);
  examine_owner(d, e);
  examine_backend(d, e.spec);
}

}  // namespace crosslaw::apps
