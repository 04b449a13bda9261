#include "apps/commands/doctor_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <stdexcept>

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
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kQueuePatience{15};
// So much text of a file is read to learn how many bytes of text a byte of the file stands for.
constexpr std::size_t kSampledTextBytes = 4'000'000;
// Bytes of text a token of a subword tokenizer stands for, before it is trained; 3 to 5 in English,
// 2.5 to 4 in Chinese at 32,000 tokens.
constexpr double kAssumedBytesAToken = 4;

struct Examined {
  sweep::SweepSpec spec;
  sweep::Plan plan;
  fs::path folder;
};

// ---- text

double mean_bytes_a_token(const sweep::SweepSpec& spec) {
  return spec.tokenizer == "bytes" ? 1 : kAssumedBytesAToken;
}

// Bytes of text in the files, by a sample of each.
double text_bytes(const std::vector<fs::path>& files, const std::string& field) {
  double total = 0;
  for (const fs::path& file : files) {
    double text = 0, used = 0;
    trainer::read_raw_texts(file, field, [&](trainer::RawText&& raw, int64_t file_bytes) {
      text += static_cast<double>(trainer::parse_text(raw, field).text.size());
      used = static_cast<double>(file_bytes);
      return text < static_cast<double>(kSampledTextBytes);
    });
    const auto size = static_cast<double>(fs::file_size(file));
    total += used > 0 && used < size ? text * size / used : text;
  }
  return total;
}

void examine_language(Diagnosis& d, const Examined& e, const trainer::LanguageFiles& files,
                      const sweep::TextNeed& need) {
  const bool shards = e.spec.tokenizer.starts_with("tokens:");
  if (shards) {
    d.good(fmt::format("{}: {} files of tokens", files.language, files.train.size()));
    return;
  }
  const double bytes = mean_bytes_a_token(e.spec);
  const double train = text_bytes(files.train, e.spec.text_field) / bytes,
               valid = text_bytes(files.valid, e.spec.text_field) / bytes;
  const std::string about = e.spec.tokenizer == "bytes" ? "" : "about ";
  auto count = [](double tokens) { return fit::short_count(tokens); };
  const auto needed = static_cast<double>(need.train_tokens);
  const std::string found =
      fmt::format("{}: {} files with {}{} tokens to train, {} wants {}", files.language,
                  files.train.size(), about, count(train), need.by, count(needed));
  if (train <= 0) {
    d.bad(found, fmt::format("data.language.{}.train names files without text in the field \"{}\"",
                             files.language, e.spec.text_field));
  } else if (train < needed) {
    d.warn(fmt::format("{}: it passes {:.1f} times over them", found, needed / train),
           "losses of repeated text follow another law: more text, or smaller budgets");
  } else {
    d.good(found);
  }
  const auto wanted = static_cast<double>(need.valid_tokens);
  const std::string validates = fmt::format("{}: {}{} tokens to validate, data.valid_tokens = {}",
                                            files.language, about, count(valid), need.valid_tokens);
  if (valid < wanted && e.spec.tokenizer == "bytes") {
    d.bad(validates, "more validation text, or a smaller data.valid_tokens");
  } else if (valid < 1.5 * wanted && e.spec.tokenizer != "bytes") {
    d.warn(validates, "may be too few: more validation text, or a smaller data.valid_tokens");
  } else {
    d.good(validates);
  }
}

void examine_text(Diagnosis& d, const Examined& e, const sweep::SweepEstimate& estimate) {
  trainer::CorpusOptions options;
  try {
    options = sweep::corpus_options(e.spec, data_folder(e.folder));
  } catch (const sweep::SpecError& error) {
    d.bad(error.what(), "put the text there, or change the pattern");
    return;
  }
  for (const trainer::LanguageFiles& files : options.languages) {
    const auto need = estimate.text.find(files.language);
    if (need == estimate.text.end()) continue;
    try {
      examine_language(d, e, files, need->second);
    } catch (const std::exception& error) {
      d.bad(error.what(),
            fmt::format("data.language.{} must name files that can be read", files.language));
    }
  }
}

void examine_tokenizer(Diagnosis& d, const sweep::SweepSpec& spec) {
  const std::string& name = spec.tokenizer;
  try {
    int64_t tokens = 256;
    for (const char* prefix : {"train:", "tokens:"}) {
      if (name.starts_with(prefix)) tokens = std::stoll(name.substr(std::string(prefix).size()));
    }
    const bool made = name == "bytes" || name.starts_with("train:") || name.starts_with("tokens:");
    if (!made) tokens = trainer::Tokenizer::load(name).vocabulary();
    if (tokens > spec.vocabulary) {
      d.bad(fmt::format("data.tokenizer = \"{}\" has {} tokens, ladder.vocabulary {}", name, tokens,
                        spec.vocabulary),
            "ladder.vocabulary must be at least as large");
    } else {
      d.good(fmt::format("tokenizer {}: {} of {} tokens of the vocabulary", name, tokens,
                         spec.vocabulary));
    }
  } catch (const std::exception& error) {
    d.bad(fmt::format("data.tokenizer = \"{}\": {}", name, error.what()),
          "\"bytes\", \"train:32000\", or the file of a tokenizer");
  }
}

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
  examine_tokenizer(d, e.spec);
  examine_text(d, e, estimate);
  examine_gpus(d, e.spec, gpus);
  examine_memory(d, e, estimate, machine);
  examine_disk(d, e, estimate);
  examine_backend(d, e.spec);
}

}  // namespace crosslaw::apps
