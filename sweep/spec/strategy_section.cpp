// A [[strategy]]: which language, and what it continues.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>

#include "sweep/spec/sections.h"

namespace crosslaw::sweep {
namespace {

// from = "hf:FOLDER": a model of Hugging Face instead of a strategy's.
void read_hugging_face(TomlSection& section, StrategySpec& strategy, const SweepSpec& spec) {
  constexpr std::string_view kPrefix = "hf:";
  if (!strategy.from.starts_with(kPrefix)) {
    for (const char* key : {"source_language", "vocabulary"})
      require(!section.has(key), section, key, "left out without from = \"hf:FOLDER\"");
    return;
  }
  std::string folder = strategy.from.substr(kPrefix.size());
  require(!folder.empty(), section, "from", "\"hf:\" and a folder with a config.json");
  strategy.hugging_face = absolute_to(spec.file, folder);
  strategy.from.clear();
  strategy.source_language = section.text("source_language");
  require(
      !strategy.source_language.empty() && strategy.source_language != strategy.language, section,
      "source_language",
      "the language that the model of from = \"hf:...\" knows already, another one than language");
  std::string vocabulary = section.text("vocabulary", "keep");
  require(vocabulary == "keep" || vocabulary == "resize", section, "vocabulary",
          fmt::format("keep or resize, found {}", vocabulary));
  strategy.resize_vocabulary = vocabulary == "resize";
}

// "source@10": continued after 10 tokens a parameter. Empty where there is no such number, for a
// strategy's own name may have an '@'.
std::optional<double> tokens_after_at(std::string& from) {
  const size_t at = from.rfind('@');
  if (at == std::string::npos || at + 1 == from.size()) return std::nullopt;
  double tokens = 0;
  const auto [end, error] =
      std::from_chars(from.data() + at + 1, from.data() + from.size(), tokens);
  if (error != std::errc() || end != from.data() + from.size()) return std::nullopt;
  from.resize(at);
  return tokens;
}

// Which of the parent's checkpoints are continued.
void read_bases(TomlSection& section, StrategySpec& strategy) {
  if (strategy.hugging_face.empty()) {
    if (const auto tokens = tokens_after_at(strategy.from)) {
      require(*tokens > 0 && std::isfinite(*tokens), section, "from",
              "\"STRATEGY@TOKENS\", a positive number of tokens a parameter");
      require(!section.has("from_tokens_per_param"), section, "from_tokens_per_param",
              "left out where from = \"STRATEGY@TOKENS\" names the tokens already");
      strategy.base_tokens_per_param = {*tokens};
    }
  }
  if (section.has("from_tokens_per_param"))
    strategy.base_tokens_per_param = positive_numbers(section, "from_tokens_per_param");
  const std::string phase = section.text("from_phase", "auto");
  require(phase == "auto" || phase == "end" || phase == "stable", section, "from_phase",
          fmt::format("auto, end or stable, found {}", phase));
  strategy.base_phase = phase == "end"      ? BasePhase::kEnd
                        : phase == "stable" ? BasePhase::kStable
                                            : BasePhase::kAuto;
  const bool of_this_sweep = !strategy.from.empty();
  for (const char* key : {"from_tokens_per_param", "from_phase"})
    require(of_this_sweep || !section.has(key), section, key,
            "left out without from = \"STRATEGY\": there is no run whose tokens are counted");
  require(!strategy.base_tokens_per_param.empty() || strategy.base_phase == BasePhase::kAuto,
          section, "from_phase", "left out without from_tokens_per_param");
}

}  // namespace

StrategySpec read_strategy(TomlSection& section, const SweepSpec& spec) {
  StrategySpec strategy;
  strategy.name = section.text("name");
  require(!strategy.name.empty(), section, "name", "not empty");
  require(!spec.strategy(strategy.name), section, "name",
          fmt::format("unique; {} is there twice", strategy.name));
  strategy.language = section.text("language");
  if (!has_language(spec, strategy.language)) {
    section.fail("language", fmt::format("there is no [data.language.{}]", strategy.language));
  }
  strategy.from = section.text("from", "");
  read_hugging_face(section, strategy, spec);
  read_bases(section, strategy);
  strategy.replay = section.numbers("replay", {0.0});
  for (double replay : strategy.replay)
    require(replay >= 0 && replay < 1, section, "replay",
            fmt::format("in [0, 1), found {}", replay));
  // Two equal shares would be one run, planned twice.
  require(std::set<double>(strategy.replay.begin(), strategy.replay.end()).size() ==
              strategy.replay.size(),
          section, "replay", "an array of different shares");
  require(!strategy.replay.empty(), section, "replay", "an array with at least one number");
  bool source_text = !strategy.from.empty() || has_language(spec, strategy.source_language);
  require(
      source_text || strategy.replay == std::vector<double>{0.0}, section, "replay",
      "left out without from, or without the text of source_language: there is no source language");
  strategy.every = section.integer("every", 1);
  require(strategy.every >= 1, section, "every", "at least 1");
  if (section.has("tokens_per_param"))
    strategy.tokens_per_param = positive_numbers(section, "tokens_per_param");
  section.finish();
  return strategy;
}

void check_parents(const TomlSection& root, const SweepSpec& spec) {
  for (const StrategySpec& strategy : spec.strategies) {
    std::vector<std::string> path = {strategy.name};
    for (const StrategySpec* at = &strategy; !at->from.empty();) {
      const StrategySpec* parent = spec.strategy(at->from);
      if (!parent)
        root.fail("strategy",
                  fmt::format("{}: from = \"{}\", but there is no strategy of that name", at->name,
                              at->from));
      path.push_back(parent->name);
      if (parent == &strategy)
        root.fail("strategy", fmt::format("a cycle: {}", fmt::join(path, " from ")));
      if (path.size() > spec.strategies.size() + 1) break;  // a cycle that another strategy closes
      at = parent;
    }
    // A child of a size needs the parent of that size; sizes are counted from the largest, so the
    // child's steps must be whole multiples of the parent's.
    if (!strategy.from.empty() && strategy.every % spec.strategy(strategy.from)->every != 0) {
      root.fail("strategy", fmt::format("{}: every = {} asks for sizes that {} does not train",
                                        strategy.name, strategy.every, strategy.from));
    }
    if (!strategy.from.empty() && spec.strategy(strategy.from)->language == strategy.language) {
      root.fail("strategy", fmt::format("{}: continues {} in the same language {}", strategy.name,
                                        strategy.from, strategy.language));
    }
  }
}

}  // namespace crosslaw::sweep
