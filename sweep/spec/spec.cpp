#include "sweep/spec/spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "sweep/spec/launch_section.h"
#include "sweep/spec/toml_section.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string absolute_to(const fs::path& spec_file, const std::string& path) {
  return (fs::absolute(spec_file).parent_path() / path).lexically_normal().string();
}

void require(bool good, const TomlSection& section, const std::string& key,
             const std::string& expected) {
  if (!good) section.fail(key, "must be " + expected);
}

std::vector<double> positive_numbers(TomlSection& section, const std::string& key) {
  std::vector<double> values = section.numbers(key, {});
  require(!values.empty(), section, key, "an array with at least one number");
  for (double value : values)
    require(value > 0, section, key, fmt::format("positive, found {}", value));
  std::sort(values.begin(), values.end());
  // Twice the same budget would be twice the same run.
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

void read_ladder_section(TomlSection section, SweepSpec& spec) {
  spec.ladder = absolute_to(spec.file, section.text("file"));
  spec.vocabulary = section.integer("vocabulary");
  require(spec.vocabulary >= 2, section, "vocabulary", "at least 2");
  spec.tied_head = section.boolean("tied_head", false);
  section.finish();
}

void read_data(TomlSection section, SweepSpec& spec) {
  spec.context = section.integer("context");
  require(spec.context >= 2, section, "context", "at least 2 tokens");
  spec.tokenizer = section.text("tokenizer", "bytes");
  if (spec.tokenizer != "bytes" && !spec.tokenizer.starts_with("train:") &&
      !spec.tokenizer.starts_with("tokens:"))
    spec.tokenizer = absolute_to(spec.file, spec.tokenizer);
  if (spec.tokenizer == "bytes")
    require(spec.vocabulary >= 256, section, "tokenizer",
            "given 256 tokens by ladder.vocabulary to be \"bytes\"");
  spec.valid_tokens = section.integer("valid_tokens", spec.valid_tokens);
  require(spec.valid_tokens >= spec.context, section, "valid_tokens",
          fmt::format("at least one context of {} tokens", spec.context));
  // Validation is measured in whole contexts.
  spec.valid_tokens -= spec.valid_tokens % spec.context;
  spec.text_field = section.text("text_field", spec.text_field);
  require(!spec.text_field.empty(), section, "text_field", "the name of a JSON field");
  std::string on_bad = section.text("on_bad_document", "stop");
  require(on_bad == "stop" || on_bad == "skip", section, "on_bad_document",
          fmt::format("stop or skip, found {}", on_bad));
  spec.skip_bad_documents = on_bad == "skip";
  spec.max_lost_share = section.number("max_lost_share", spec.max_lost_share);
  require(spec.max_lost_share >= 0 && spec.max_lost_share <= 1, section, "max_lost_share",
          "a share between 0 and 1");
  TomlSection languages = section.section("language");
  for (auto& [name, language] : languages.each()) {
    LanguageSpec read{name, {}, {}};
    for (const std::string& pattern : language.texts("train"))
      read.train.push_back(absolute_to(spec.file, pattern));
    for (const std::string& pattern : language.texts("valid"))
      read.valid.push_back(absolute_to(spec.file, pattern));
    language.finish();
    spec.languages.push_back(read);
  }
  section.finish();
}

std::vector<BatchTier> read_batch_tokens(TomlSection& section) {
  // One number for all sizes, or tiers by size; the last tier is open, so that every size has one.
  const toml::node* node = section.node("batch_tokens");
  if (node && !node->is_array()) return {{kInfinity, section.integer("batch_tokens")}};
  std::vector<BatchTier> tiers;
  for (TomlSection& tier : section.sections("batch_tokens")) {
    tiers.push_back({tier.number("below_params", kInfinity), tier.integer("tokens")});
    require(tiers.size() < 2 || tiers.back().below_params > tiers[tiers.size() - 2].below_params,
            tier, "below_params", "larger than the one before");
    tier.finish();
  }
  require(!tiers.empty() && tiers.back().below_params == kInfinity, section, "batch_tokens",
          "closed by an entry without below_params");
  return tiers;
}

double read_init(TomlSection& section, double otherwise) {
  const toml::node* node = section.node("init");
  if (!node) return otherwise;
  // 0 stands for 1 / sqrt(3 fan_in), in the recipe, too.
  if (node->is_string() && node->as_string()->get() == "fan_in") return 0.0;
  if (!node->is_number()) section.fail("init", "expected a standard deviation or \"fan_in\"");
  double std = section.number("init");
  require(std > 0, section, "init", "positive, or \"fan_in\"");
  return std;
}

void read_optimizer(TomlSection& section, trainer::AdamWOptions& o) {
  o.beta1 = section.number("beta1", o.beta1);
  o.beta2 = section.number("beta2", o.beta2);
  o.epsilon = section.number("epsilon", o.epsilon);
  o.weight_decay = section.number("weight_decay", o.weight_decay);
  o.clip_norm = section.number("clip_norm", o.clip_norm);
}

void read_training(TomlSection section, TrainingSpec& train) {
  std::string schedule = section.text("schedule", "cosine");
  require(schedule == "cosine" || schedule == "wsd", section, "schedule",
          fmt::format("cosine or wsd, found {}", schedule));
  train.schedule = schedule == "wsd" ? trainer::ScheduleKind::kWsd : trainer::ScheduleKind::kCosine;
  train.peak_learning_rate = section.number("peak_learning_rate", 0);
  train.learning_rate_times_hidden = section.number("learning_rate_times_hidden", 0);
  // Exactly one of the two rules.
  require((train.peak_learning_rate > 0) != (train.learning_rate_times_hidden > 0), section,
          "peak_learning_rate", "a positive number, or else learning_rate_times_hidden");
  train.warmup_fraction = section.number("warmup_fraction", train.warmup_fraction);
  require(train.warmup_fraction >= 0 && train.warmup_fraction < 1, section, "warmup_fraction",
          "in [0, 1)");
  train.warmup_steps_min = section.integer("warmup_steps_min", train.warmup_steps_min);
  train.warmup_steps_max = section.integer("warmup_steps_max", train.warmup_steps_max);
  require(train.warmup_steps_min >= 0, section, "warmup_steps_min", "at least 0");
  require(train.warmup_steps_max >= train.warmup_steps_min, section, "warmup_steps_max",
          "at least warmup_steps_min");
  train.cooldown_fraction = section.number("cooldown_fraction", train.cooldown_fraction);
  require(train.cooldown_fraction > 0 && train.cooldown_fraction < 1, section, "cooldown_fraction",
          "in (0, 1)");
  train.final_learning_rate = section.number("final_learning_rate", train.final_learning_rate);
  require(train.final_learning_rate >= 0 && train.final_learning_rate <= 1, section,
          "final_learning_rate", "a share of the peak, in [0, 1]");
  train.batch_tokens = read_batch_tokens(section);
  read_optimizer(section, train.optimizer);
  train.precision = section.text("precision", train.precision);
  train.init_std = read_init(section, train.init_std);
  train.evaluations = section.integer("evaluations", train.evaluations);
  require(train.evaluations >= 0 && train.evaluations <= 1000, section, "evaluations",
          "between 0 and 1000");
  train.source_loss_at_end_only =
      section.boolean("source_loss_at_end_only", train.source_loss_at_end_only);
  train.checkpoint_every_seconds =
      section.number("checkpoint_every_seconds", train.checkpoint_every_seconds);
  require(train.checkpoint_every_seconds > 0, section, "checkpoint_every_seconds", "positive");
  section.finish();
}

bool has_language(const SweepSpec& spec, const std::string& name) {
  return std::any_of(spec.languages.begin(), spec.languages.end(),
                     [&](const LanguageSpec& language) { return language.name == name; });
}

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
  strategy.replay = section.numbers("replay", {0.0});
  for (double replay : strategy.replay)
    require(replay >= 0 && replay < 1, section, "replay",
            fmt::format("in [0, 1), found {}", replay));
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

// Parents must exist, without cycles, and speak another language.
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

}  // namespace

const StrategySpec* SweepSpec::strategy(const std::string& wanted) const {
  for (const StrategySpec& strategy : strategies) {
    if (strategy.name == wanted) return &strategy;
  }
  return nullptr;
}

SweepSpec read_spec(const fs::path& file) {
  if (!fs::is_regular_file(file))
    throw SpecError(fmt::format("{}: there is no such spec file", file.string()));
  // toml++ reports syntax; everything after it is about meaning and names the key.
  toml::table table;
  try {
    table = toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    throw SpecError(fmt::format("{}:{}:{}: {}", file.string(), error.source().begin.line,
                                error.source().begin.column, error.description()));
  }
  SweepSpec spec;
  spec.file = fs::absolute(file);
  TomlSection root(table, "", file);
  // Unknown names first: a mistyped section would otherwise be called missing.
  for (const char* known :
       {"name", "seeds", "ladder", "budget", "data", "train", "strategy", "launch"})
    root.has(known);
  root.finish();
  spec.name = root.text("name");
  bool plain =
      !spec.name.empty() &&
      spec.name.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string::npos;
  require(plain && spec.name[0] != '.', root, "name",
          "made of letters, digits, '-', '_' and '.', for it names the sweep's folder");
  spec.seeds = root.integers("seeds", spec.seeds);
  require(!spec.seeds.empty(), root, "seeds", "an array with at least one number");
  for (int64_t seed : spec.seeds) require(seed >= 0, root, "seeds", "numbers of at least 0");
  read_ladder_section(root.section("ladder"), spec);
  TomlSection budget = root.section("budget");
  spec.tokens_per_param = positive_numbers(budget, "tokens_per_param");
  budget.finish();
  read_data(root.section("data"), spec);
  read_training(root.section("train"), spec.train);
  for (TomlSection& strategy : root.sections("strategy"))
    spec.strategies.push_back(read_strategy(strategy, spec));
  require(!spec.strategies.empty(), root, "strategy", "at least one [[strategy]]");
  check_parents(root, spec);
  if (root.has("launch")) read_launch(root.section("launch"), spec.launch);
  if (!spec.launch.files.empty()) spec.launch.files = absolute_to(spec.file, spec.launch.files);
  return spec;
}

trainer::CorpusOptions corpus_options(const SweepSpec& spec, const fs::path& folder) {
  auto expand = [&](const std::string& key, const std::vector<std::string>& patterns) {
    std::vector<fs::path> files;
    for (const std::string& pattern : patterns) {
      glob_t found{};
      // Sorted by glob, so that the same files make the same shard on every machine.
      int code = ::glob(pattern.c_str(), GLOB_ERR, nullptr, &found);
      for (size_t i = 0; code == 0 && i < found.gl_pathc; ++i)
        files.emplace_back(found.gl_pathv[i]);
      ::globfree(&found);
      if (code != 0)
        throw MissingText(
            fmt::format("{}: {}: no file matches {}", spec.file.string(), key, pattern));
    }
    return files;
  };
  trainer::CorpusOptions options;
  options.folder = folder;
  options.tokenizer = spec.tokenizer;
  options.valid_tokens = spec.valid_tokens;
  options.text.text_field = spec.text_field;
  options.text.skip_bad_documents = spec.skip_bad_documents;
  options.max_lost_share = spec.max_lost_share;
  for (const LanguageSpec& language : spec.languages) {
    std::string key = "data.language." + language.name;
    options.languages.push_back({language.name, expand(key + ".train", language.train),
                                 expand(key + ".valid", language.valid)});
  }
  return options;
}

}  // namespace crosslaw::sweep
