#include "sweep/spec/spec.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "fit/data/closest_name.h"
#include "sweep/spec/launch_section.h"
#include "sweep/spec/sections.h"
#include "sweep/spec/toml_section.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kMostVocabulary = std::numeric_limits<int32_t>::max();  // as a model's own bound

void read_ladder_section(TomlSection section, SweepSpec& spec) {
  spec.ladder = absolute_to(spec.file, section.text("file"));
  spec.vocabulary = section.integer("vocabulary");
  require(spec.vocabulary >= 2 && spec.vocabulary <= kMostVocabulary, section, "vocabulary",
          fmt::format("2 to {}, found {}", kMostVocabulary, spec.vocabulary));
  spec.tied_head = section.boolean("tied_head", false);
  section.finish();
}

// One way to say how much is trained, and which cells of a grid make no sense.
void read_budget(TomlSection section, SweepSpec& spec) {
  const std::pair<const char*, std::vector<double>*> ways[] = {
      {"tokens_per_param", &spec.tokens_per_param},
      {"tokens", &spec.budget_tokens},
      {"flops", &spec.budget_flops}};
  std::string said;
  for (const auto& [key, values] : ways) {
    if (!section.has(key)) continue;
    require(said.empty(), section, key, fmt::format("left out beside budget.{}", said));
    *values = positive_numbers(section, key);
    said = key;
  }
  for (const auto& [key, values] : ways) {
    if (said.empty()) section.refuse_misspelt(key);
  }
  require(!said.empty(), section, "tokens_per_param",
          "an array of positive numbers, or else tokens or flops");
  const std::string count = section.text("count_flops", "6nd");
  require(count == "6nd" || count == "exact", section, "count_flops",
          fmt::format("6nd or exact, found {}", count));
  require(said == "flops" || !section.has("count_flops"), section, "count_flops",
          "left out without budget.flops");
  spec.exact_flops = count == "exact";
  if (section.has("tokens_per_param_range")) {
    require(said != "tokens_per_param", section, "tokens_per_param_range",
            "left out beside budget.tokens_per_param");
    const std::vector<double> range = section.numbers("tokens_per_param_range", {});
    require(range.size() == 2 && range[0] >= 0 && range[1] > range[0], section,
            "tokens_per_param_range", "two rising numbers of at least 0");
    spec.least_tokens_per_param = range[0], spec.most_tokens_per_param = range[1];
  }
  section.finish();
}

// "trian:512" is no file that somebody has yet to bring.
void refuse_misspelt_tokenizer(TomlSection& section, const fs::path& file,
                               const std::string& tokenizer) {
  const size_t colon = tokenizer.find(':');
  const std::string prefix = tokenizer.substr(0, colon);
  const bool kind = colon != std::string::npos && prefix.find('/') == std::string::npos;
  const bool misspelt = kind || !fit::closest_name(tokenizer, {"bytes"}).empty();
  if (!misspelt || fs::exists(absolute_to(file, tokenizer))) return;
  const std::string guess = fit::closest_name(prefix, {"train", "tokens", "bytes"});
  section.fail("tokenizer",
               fmt::format("expected {}; found \"{}\"{}", trainer::kTokenizerKinds, tokenizer,
                           guess.empty()      ? ""
                           : guess == "bytes" ? "; did you mean \"bytes\"?"
                                              : fmt::format("; did you mean \"{}{}\"?", guess,
                                                            tokenizer.substr(prefix.size()))));
}

void read_data(TomlSection section, SweepSpec& spec) {
  spec.context = section.integer("context");
  require(spec.context >= 2, section, "context", "at least 2 tokens");
  spec.tokenizer = section.text("tokenizer", "bytes");
  if (spec.tokenizer != "bytes" && !spec.tokenizer.starts_with("train:") &&
      !spec.tokenizer.starts_with("tokens:")) {
    refuse_misspelt_tokenizer(section, spec.file, spec.tokenizer);
    spec.tokenizer = absolute_to(spec.file, spec.tokenizer);
  }
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
  spec.allow_overlap = section.number("allow_overlap", spec.allow_overlap);
  require(spec.allow_overlap >= 0 && spec.allow_overlap <= 1, section, "allow_overlap",
          "a share between 0 and 1");
  spec.allow_foreign = section.number("allow_foreign", spec.allow_foreign);
  require(spec.allow_foreign >= 0 && spec.allow_foreign <= 1, section, "allow_foreign",
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

std::vector<int64_t> checked_seeds(TomlSection& section, std::vector<int64_t> seeds) {
  require(!seeds.empty(), section, "seeds", "an array with at least one number");
  // The recipe's seed has no sign.
  for (int64_t seed : seeds) require(seed >= 0, section, "seeds", "numbers of at least 0");
  return seeds;
}

// Numbers for all sizes, or tables: {sizes, count} or {sizes, seeds} for some, without sizes for
// all others.
void read_seeds(TomlSection& root, SweepSpec& spec) {
  const toml::node* node = root.node("seeds");
  const toml::array* array = node ? node->as_array() : nullptr;
  if (!array || array->empty() || !array->is_homogeneous(toml::node_type::table)) {
    spec.seeds = checked_seeds(root, root.integers("seeds", spec.seeds));
    return;
  }
  std::set<std::string> named;
  bool others = false;
  for (TomlSection& entry : root.sections("seeds")) {
    if (!entry.has("count") && !entry.has("seeds")) {
      entry.refuse_misspelt("count");
      entry.refuse_misspelt("seeds");
    }
    require(entry.has("count") != entry.has("seeds"), entry, "count",
            "there, or else seeds: how many, or which");
    const int64_t count = entry.integer("count", 1);
    require(count >= 1 && count <= 1000, entry, "count", "between 1 and 1000");
    std::vector<int64_t> counted(static_cast<size_t>(count));
    std::iota(counted.begin(), counted.end(), 1);
    const std::vector<int64_t> seeds = checked_seeds(entry, entry.integers("seeds", counted));
    if (!entry.has("sizes")) {
      require(!others, entry, "sizes", "there: two entries would be of all other sizes");
      others = true;
      spec.seeds = seeds;
    } else {
      spec.size_seeds.push_back({entry.texts("sizes"), seeds});
      require(!spec.size_seeds.back().sizes.empty(), entry, "sizes",
              "an array with at least one name of the ladder");
      for (const std::string& size : spec.size_seeds.back().sizes)
        require(named.insert(size).second, entry, "sizes",
                fmt::format("names that no other entry has; {} is there twice", size));
    }
    entry.finish();
  }
}

trainer::ChoiceFile read_choices(TomlSection& section, const SweepSpec& spec) {
  trainer::ChoiceFile choices;
  choices.name = section.text("name");
  const bool plain = choices.name.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                         "TUVWXYZ0123456789-_.") == std::string::npos;
  require(plain && !choices.name.empty() && choices.name[0] != '.', section, "name",
          "made of letters, digits, '-', '_' and '.', for it names a file");
  require(
      std::none_of(spec.choices.begin(), spec.choices.end(),
                   [&](const trainer::ChoiceFile& other) { return other.name == choices.name; }),
      section, "name", fmt::format("unique; {} is there twice", choices.name));
  choices.file = absolute_to(spec.file, section.text("file"));
  choices.language = section.text("language", "");
  if (!choices.language.empty() && !has_language(spec, choices.language))
    section.fail("language", fmt::format("there is no [data.language.{}]", choices.language));
  choices.delimiter = section.text("delimiter", choices.delimiter);
  section.finish();
  return choices;
}

// Text that is prepared and that no run reads.
void require_used_languages(const TomlSection& root, const SweepSpec& spec) {
  if (spec.tokenizer.starts_with("train:")) return;  // which learns from all texts
  std::set<std::string> used;
  for (const StrategySpec& strategy : spec.strategies)
    used.insert({strategy.language, strategy.source_language});
  for (const trainer::ChoiceFile& choices : spec.choices) used.insert(choices.language);
  for (const LanguageSpec& language : spec.languages) {
    if (used.contains(language.name)) continue;
    root.fail("data", fmt::format("no [[strategy]] trains on data.language.{}; add one, or take "
                                  "its text out",
                                  language.name));
  }
}

}  // namespace

const StrategySpec* SweepSpec::strategy(const std::string& wanted) const {
  for (const StrategySpec& strategy : strategies) {
    if (strategy.name == wanted) return &strategy;
  }
  return nullptr;
}

const std::vector<int64_t>& SweepSpec::seeds_of(const std::string& size) const {
  for (const SizeSeeds& some : size_seeds) {
    if (std::find(some.sizes.begin(), some.sizes.end(), size) != some.sizes.end())
      return some.seeds;
  }
  return seeds;
}

SweepSpec read_spec(const fs::path& file) {
  if (!fs::is_regular_file(file))
    throw SpecError(fmt::format("{}: there is no such spec file", file.string()));
  const toml::table table = parse_toml(file);
  SweepSpec spec;
  spec.file = fs::absolute(file);
  TomlSection root(table, "", file);
  // Unknown names first: a mistyped section would otherwise be called missing.
  for (const char* known :
       {"name", "seeds", "ladder", "budget", "data", "train", "strategy", "choices", "launch"})
    root.has(known);
  root.finish();
  spec.name = root.text("name");
  bool plain =
      !spec.name.empty() &&
      spec.name.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string::npos;
  require(plain && spec.name[0] != '.', root, "name",
          "made of letters, digits, '-', '_' and '.', for it names the sweep's folder");
  // In this order: data ask for the vocabulary, strategies and choices for the languages.
  read_seeds(root, spec);
  read_ladder_section(root.section("ladder"), spec);
  read_budget(root.section("budget"), spec);
  read_data(root.section("data"), spec);
  read_training(root.section("train"), spec.train);
  for (TomlSection& strategy : root.sections("strategy"))
    spec.strategies.push_back(read_strategy(strategy, spec));
  require(!spec.strategies.empty(), root, "strategy", "at least one [[strategy]]");
  check_parents(root, spec);
  if (root.has("choices")) {
    for (TomlSection& choices : root.sections("choices"))
      spec.choices.push_back(read_choices(choices, spec));
  }
  require_used_languages(root, spec);
  if (root.has("launch")) read_launch(root.section("launch"), spec.launch);
  if (!spec.launch.files.empty()) spec.launch.files = absolute_to(spec.file, spec.launch.files);
  return spec;
}

trainer::CorpusOptions corpus_options(const SweepSpec& spec, const fs::path& folder) {
  auto expand = [&](const std::string& key, const std::vector<std::string>& patterns) {
    std::vector<fs::path> files;
    for (const std::string& pattern : patterns) {
      glob_t found{};
      // Sorted by glob, so that the same files make the same shard on every machine. GLOB_ERR: text
      // in a folder that cannot be read must not be left out without a word.
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
  options.choices = spec.choices;
  options.allow_overlap = spec.allow_overlap;
  options.allow_foreign = spec.allow_foreign;
  for (const LanguageSpec& language : spec.languages) {
    std::string key = "data.language." + language.name;
    options.languages.push_back({language.name, expand(key + ".train", language.train),
                                 expand(key + ".valid", language.valid)});
  }
  return options;
}

}  // namespace crosslaw::sweep
