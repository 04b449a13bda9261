#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "apps/commands/commands.h"
#include "db/files/atomic_file.h"

namespace crosslaw::apps {
namespace {

struct InitOptions {
  std::string file = "crosslaw.toml";
  bool force = false;
};

// Runs as it stands once the text files are there; every line says what it decides. The keys that
// are left out have defaults, which MANUAL.md lists.
constexpr const char* kSpec = R"toml(# A sweep of crosslaw. Check it with: crosslaw plan {0}
# Paths are relative to the folder of this file; unknown keys are refused.
name = "{1}"                          # names the folder sweeps/{1}
# seeds = [1, 2]                      # train every run once with each

[ladder]
file = "{2}"          # sizes: a CSV with columns name, hidden, ffn, heads, layers
vocabulary = 256                      # rows of the embedding; at least the tokenizer's
tied_head = true                      # the output layer is the embedding

[budget]
tokens_per_param = [5.0, 10.0, 20.0]  # several budgets a size: without them the law's data term
                                      # cannot be told from its size term

[data]
context = 256                         # tokens a sequence
tokenizer = "bytes"                   # or "train:32000", or a SentencePiece model file
valid_tokens = 65536                  # predicted tokens of each validation set

[data.language.en]                    # one table a language, under any name
train = ["en/*.jsonl.zst"]            # .jsonl (an object with "text" a line) or .txt, also .gz, .zst
valid = ["en.valid.jsonl.zst"]        # disjoint from the training text
[data.language.fr]
train = ["fr/*.jsonl.zst"]
valid = ["fr.valid.jsonl.zst"]

[train]
schedule = "wsd"                      # budgets of one size share a trunk; or "cosine"
learning_rate_times_hidden = 0.24     # peak = this / hidden; or peak_learning_rate = 2e-4 for all
batch_tokens = 512                    # a step; or tiers: [{{below_params = 1e9, tokens = 1048576}}, ...]

[[strategy]]                          # the source language, from scratch
name = "source"
language = "en"
tokens_per_param = [20.0]

[[strategy]]                          # the target language, from scratch
name = "scratch"
language = "fr"

[[strategy]]                          # the target language, continued from the source models
name = "continued"
language = "fr"
from = "source"
# replay = [0.0, 0.1]                 # shares of source-language tokens mixed in

# [launch]                            # where and how many at a time; nothing here changes a loss
# devices = "cpu"
# cpu_slots = 2
)toml";

// Six sizes of 40,000 to 1.1 million parameters: a laptop trains them in minutes.
constexpr const char* kLadder = R"csv(# The sizes of {0}: heads must divide hidden.
name,hidden,ffn,heads,layers
s1,32,88,2,2
s2,48,128,3,3
s3,64,176,4,4
s4,80,216,5,5
s5,96,256,6,6
s6,128,344,8,6
)csv";

int run_init(const InitOptions& options) {
  const std::filesystem::path file = options.file;
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  if (!std::filesystem::is_directory(folder)) {
    throw std::invalid_argument(
        fmt::format("{}: there is no folder {}; make it first", file.string(), folder.string()));
  }
  if (std::filesystem::exists(file) && !options.force) {
    throw std::invalid_argument(
        fmt::format("{}: is there already; --force writes over it", file.string()));
  }
  std::filesystem::path ladder = file;
  ladder.replace_extension(".ladder.csv");
  if (std::filesystem::exists(ladder) && !options.force) {
    throw std::invalid_argument(
        fmt::format("{}: is there already; --force writes over it", ladder.string()));
  }
  db::publish_file(ladder, fmt::format(kLadder, file.filename().string()));
  db::publish_file(
      file, fmt::format(kSpec, file.string(), file.stem().string(), ladder.filename().string()));
  fmt::print("{} and {}: a spec and its sizes to edit; then crosslaw plan {}\n", file.string(),
             ladder.string(), file.string());
  return 0;
}

}  // namespace

void add_init_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command =
      app.add_subcommand("init", "Write a commented spec and its sizes to start from");
  command->add_option("file", options->file, "The file to write")->capture_default_str();
  command->add_flag("--force", options->force, "Write over a file that is there");
  command->callback([options, &exit_code] { exit_code = run_init(*options); });
}

}  // namespace crosslaw::apps
