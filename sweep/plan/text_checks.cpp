#include "sweep/plan/text_checks.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "trainer/corpus/corpus.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::sweep {
namespace fs = std::filesystem;
namespace {

// Without text the rest of the options is still worth a look.
trainer::CorpusOptions without_text(const SweepSpec& spec) {
  trainer::CorpusOptions options;
  options.tokenizer = spec.tokenizer;
  options.valid_tokens = spec.valid_tokens;
  options.text.text_field = spec.text_field;
  options.max_lost_share = spec.max_lost_share;
  for (const LanguageSpec& language : spec.languages)
    options.languages.push_back({language.name, {"text"}, {"text"}});
  return options;
}

// "train:32000" promises its vocabulary.
int64_t promised_vocabulary(const std::string& tokenizer) {
  for (const char* prefix : {"train:", "tokens:"}) {
    if (tokenizer.starts_with(prefix))
      return std::stoll(tokenizer.substr(std::string(prefix).size()));
  }
  return tokenizer != "bytes" && fs::is_regular_file(tokenizer)
             ? trainer::Tokenizer::load(tokenizer).vocabulary()
             : 0;
}

void refuse_same_files(const SweepSpec& spec, const trainer::CorpusOptions& options) {
  std::map<fs::path, std::string> training;
  for (const trainer::LanguageFiles& language : options.languages) {
    for (const fs::path& file : language.train)
      training[fs::weakly_canonical(file)] = language.language;
  }
  for (const trainer::LanguageFiles& language : options.languages) {
    for (const fs::path& file : language.valid) {
      const auto same = training.find(fs::weakly_canonical(file));
      if (same == training.end()) continue;
      throw SpecError(fmt::format(
          "{}: data.language.{}.valid: {} is training text of {}, too; validation needs text that "
          "is not trained on",
          spec.file.string(), language.language, file.string(), same->second));
    }
  }
}

}  // namespace

std::string check_texts(const SweepSpec& spec) {
  if (const auto messages = trainer::complaints(without_text(spec)); !messages.empty())
    throw SpecError(fmt::format("{}: {}", spec.file.string(), messages.front()));
  if (const int64_t promised = promised_vocabulary(spec.tokenizer); promised > spec.vocabulary)
    throw SpecError(fmt::format("{}: ladder.vocabulary = {}: is smaller than the tokenizer's {}",
                                spec.file.string(), spec.vocabulary, promised));
  if (spec.launch.devices == "cpu" && spec.train.precision == "bf16")
    throw SpecError(fmt::format(
        "{}: train.precision = \"bf16\": must be \"fp32\" or \"auto\" with launch.devices = "
        "\"cpu\"",
        spec.file.string()));
  try {
    refuse_same_files(spec, corpus_options(spec, ""));
  } catch (const MissingText& missing) {
    return missing.what();
  }
  const bool file = spec.tokenizer != "bytes" && !spec.tokenizer.starts_with("train:") &&
                    !spec.tokenizer.starts_with("tokens:");
  return file && !fs::exists(spec.tokenizer)
             ? fmt::format("{}: data.tokenizer: there is no file {}; a tokenizer is {}",
                           spec.file.string(), spec.tokenizer, trainer::kTokenizerKinds)
             : "";
}

}  // namespace crosslaw::sweep
