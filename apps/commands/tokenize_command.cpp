#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "apps/commands/commands.h"
#include "apps/study/presets.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/quantities.h"
#include "fit/write/table.h"
#include "sweep/schedule/sweep_lock.h"
#include "sweep/spec/spec.h"
#include "trainer/corpus/corpus.h"

namespace crosslaw::apps {
namespace {

struct TokenizeOptions {
  std::string spec;
  std::string folder;
};

int run_tokenize(const TokenizeOptions& options) {
  sweep::SweepSpec spec = sweep::read_spec(file_or_preset(options.spec, ".toml"));
  std::filesystem::path folder = options.folder.empty()
                                     ? std::filesystem::path("sweeps") / spec.name
                                     : std::filesystem::path(options.folder);
  trainer::CorpusOptions texts =
      sweep::corpus_options(spec, std::filesystem::absolute(data_folder(folder)));
  std::filesystem::create_directories(folder);
  // Two that write the same shards would spoil each other's staged files.
  auto lock = sweep::SweepLock::try_take(folder);
  if (!lock)
    throw std::invalid_argument(fmt::format("{}: {} is at work in this folder", folder.string(),
                                            sweep::SweepLock::holder(folder)));
  auto say = [](const std::string& message) { fmt::print(stderr, "{}\n", message); };
  trainer::Corpus corpus = trainer::prepare_corpus(texts, say);
  fit::Table table{
      {"language", "split", "documents", "tokens", "bytes", "bytes/token", "sha256", "file"},
      {},
      "llrrrrll"};
  for (const trainer::LanguageShards& language : corpus.languages) {
    for (auto [split, shard] : {std::pair{"train", &language.train}, {"valid", &language.valid}}) {
      table.rows.push_back({language.language, split, std::to_string(shard->documents),
                            std::to_string(shard->tokens), std::to_string(shard->text_bytes),
                            fmt::format("{:.3f}", static_cast<double>(shard->text_bytes) /
                                                      static_cast<double>(shard->tokens)),
                            shard->sha256.substr(0, 12), shard->file.string()});
    }
  }
  fmt::print("{}", fit::render(table, fit::TableFormat::kWideText));
  return 0;
}

}  // namespace

void add_tokenize_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand(
      "tokenize",
      "Make a sweep's tokenizer and token shards ahead of crosslaw run, or find them made");
  command->add_option("spec", options->spec, "The sweep's spec (TOML), or a preset: demo, paper")
      ->required();
  command->add_option("--dir", options->folder, "The sweep's folder (default: sweeps/<name>)");
  command->callback([options, &exit_code] { exit_code = run_tokenize(*options); });
}

}  // namespace crosslaw::apps
