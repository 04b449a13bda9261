#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "apps/commands/commands.h"
#include "apps/commands/sweep_opening.h"
#include "apps/study/presets.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/progress_line.h"
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
  require_texts(spec);
  std::filesystem::create_directories(folder);
  refuse_links(folder);
  // Two that write the same shards would spoil each other's staged files.
  auto lock = sweep::SweepLock::try_take(folder);
  if (!lock)
    throw std::invalid_argument(fmt::format("{}: {} is at work in this folder", folder.string(),
                                            sweep::SweepLock::holder(folder)));
  ProgressLine progress(std::cerr);
  const trainer::Corpus corpus = prepare_text(
      spec, std::filesystem::absolute(data_folder(folder)),
      [&](const std::string& message) { progress.say(message); }, progress);
  auto share = [](int64_t part, int64_t whole) {
    return fmt::format("{:.3g}%", 100.0 * static_cast<double>(part) /
                                      static_cast<double>(std::max<int64_t>(whole, 1)));
  };
  fit::Table table{{"language", "split", "documents", "skipped", "tokens", "bytes", "tokens/byte",
                    "lost", "unknown", "sha256", "file"},
                   {},
                   "llrrrrrrrll"};
  for (const trainer::LanguageShards& language : corpus.languages) {
    for (auto [split, shard] : {std::pair{"train", &language.train}, {"valid", &language.valid}}) {
      table.rows.push_back({language.language, split, std::to_string(shard->documents),
                            std::to_string(shard->skipped), std::to_string(shard->tokens),
                            std::to_string(shard->text_bytes),
                            shard->text_bytes == 0
                                ? "-"
                                : fmt::format("{:.3f}", static_cast<double>(shard->tokens) /
                                                            static_cast<double>(shard->text_bytes)),
                            share(shard->lost_bytes, shard->text_bytes),
                            share(shard->unknown_tokens, shard->tokens),
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
  command->add_option("spec", options->spec, kSpecOrPreset)->required();
  command->add_option("--dir", options->folder, "The sweep's folder (default: sweeps/<name>)");
  command->callback([options, &exit_code] { exit_code = run_tokenize(*options); });
}

}  // namespace crosslaw::apps
