#include "apps/commands/doctor_text.h"

#include <fmt/format.h>

#include <iostream>
#include <set>
#include <vector>

#include "apps/commands/launchers.h"
#include "apps/commands/sweep_opening.h"
#include "apps/study/sweep_folder.h"
#include "apps/terminal/progress_line.h"
#include "apps/terminal/quantities.h"
#include "db/files/content_hash.h"
#include "db/files/private_folder.h"
#include "fit/write/table.h"
#include "sweep/plan/plan.h"
#include "sweep/plan/plan_changes.h"
#include "sweep/plan/start_models.h"
#include "sweep/plan/text_checks.h"
#include "trainer/corpus/corpus.h"
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;

// So much text of a file is read to learn how many bytes of text a byte of the file stands for.
constexpr std::size_t kSampledTextBytes = 4'000'000;
// Bytes of text a token of a subword tokenizer stands for, before it is trained; 3 to 5 in English,
// 2.5 to 4 in Chinese at 32,000 tokens.
constexpr double kAssumedBytesAToken = 4;
// Up to so many bytes of files the text is prepared as crosslaw run would, some ten seconds.
constexpr double kPreparedBytes = 5e7;

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

// False: too little for this spec.
bool examine_language(Diagnosis& d, const sweep::SweepSpec& spec,
                      const trainer::LanguageFiles& files, const sweep::TextNeed& need) {
  const bool shards = spec.tokenizer.starts_with("tokens:");
  if (shards) {
    d.good(fmt::format("{}: {} files of tokens", files.language, files.train.size()));
    return true;
  }
  const double bytes = mean_bytes_a_token(spec);
  const double train = text_bytes(files.train, spec.text_field) / bytes,
               valid = text_bytes(files.valid, spec.text_field) / bytes;
  const std::string about = spec.tokenizer == "bytes" ? "" : "about ";
  auto count = [](double tokens) { return fit::short_count(tokens); };
  const auto needed = static_cast<double>(need.train_tokens);
  const std::string found =
      fmt::format("{}: {} files with {}{} tokens to train, {} wants {}", files.language,
                  files.train.size(), about, count(train), need.by, count(needed));
  if (train <= 0) {
    d.bad(found, fmt::format("data.language.{}.train names files without text in the field \"{}\"",
                             files.language, spec.text_field));
  } else if (train < needed) {
    d.warn(fmt::format("{}: it passes {:.1f} times over them", found, needed / train),
           "losses of repeated text follow another law: more text, or smaller budgets");
  } else {
    d.good(found);
  }
  const auto wanted = static_cast<double>(need.valid_tokens);
  const std::string validates = fmt::format("{}: {}{} tokens to validate, data.valid_tokens = {}",
                                            files.language, about, count(valid), need.valid_tokens);
  if (train <= 0) return false;
  if (valid < wanted && spec.tokenizer == "bytes") {
    d.bad(validates, "more validation text, or a smaller data.valid_tokens");
    return false;
  } else if (valid < 1.5 * wanted && spec.tokenizer != "bytes") {
    d.warn(validates, "may be too few: more validation text, or a smaller data.valid_tokens");
  } else {
    d.good(validates);
  }
  return true;
}

void examine_tokenizer(Diagnosis& d, const sweep::SweepSpec& spec) {
  const std::string& name = spec.tokenizer;
  const bool made = name.starts_with("train:") || name.starts_with("tokens:");
  const std::string tokens = name == "bytes" ? "256"
                             : made
                                 ? name.substr(name.find(':') + 1)
                                 : fmt::format("{}", trainer::Tokenizer::load(name).vocabulary());
  d.good(fmt::format("tokenizer {}: {} of {} tokens of the vocabulary", name, tokens,
                     spec.vocabulary));
}

double bytes_of(const std::vector<trainer::LanguageFiles>& languages) {
  double bytes = 0;
  for (const trainer::LanguageFiles& files : languages) {
    for (const auto* split : {&files.train, &files.valid}) {
      for (const fs::path& file : *split) bytes += static_cast<double>(fs::file_size(file));
    }
  }
  return bytes;
}

double bytes_of_start_models(const sweep::SweepSpec& spec,
                             const std::vector<sweep::ModelSize>& ladder) {
  double bytes = 0;
  for (const sweep::StrategySpec& strategy : spec.strategies) {
    for (const sweep::ModelSize& size : ladder) {
      const auto start = sweep::start_model(spec, strategy, size);
      if (!start) continue;
      for (const auto& entry : fs::directory_iterator(start->folder))
        bytes += entry.is_regular_file() ? static_cast<double>(entry.file_size()) : 0;
    }
  }
  return bytes;
}

// Of much text what can be seen without reading all of it: files that are the same, languages.
void look_at_samples(Diagnosis& d, const trainer::CorpusOptions& options) {
  const auto texts = trainer::texts_of(options.languages);
  std::map<std::uintmax_t, int> of_size;
  std::set<fs::path> files;
  for (const trainer::LanguageFiles& language : options.languages) {
    files.insert(language.train.begin(), language.train.end());
    files.insert(language.valid.begin(), language.valid.end());
  }
  for (const fs::path& file : files) ++of_size[fs::file_size(file)];
  trainer::refuse_same_bytes(texts, [&](const fs::path& file) {
    return of_size[fs::file_size(file)] > 1 ? db::sha256_of_file(file) : file.string();
  });
  trainer::TextAudit audit;
  if (options.allow_foreign < 1) audit = trainer::guess_languages(texts, options.text.text_field);
  trainer::require_clean(audit, options.allow_overlap, options.allow_foreign,
                         [](const std::string&) {});
  for (const std::string& note : audit.notes) d.good(note);
  d.good(
      "the texts are too large to be read to their end here: crosslaw tokenize tells what they "
      "share, and what the tokenizer loses");
}

// What the folder's sweep would lose: run asks before.
void compare_with_folder(Diagnosis& d, const sweep::Plan& plan, const fs::path& folder) {
  if (!fs::exists(database_file(folder))) return;
  std::vector<db::RunRow> rows;
  for (const sweep::PlannedRun& run : plan.runs) rows.push_back(run.row);
  const sweep::PlanChanges changes = sweep::plan_changes(read_store(folder), rows);
  if (changes.finished_retired() > 0)
    d.warn(fmt::format("{} finished runs of {} would be retired ({} of training)",
                       changes.finished_retired(), folder.string(),
                       format_seconds(changes.seconds_retired())),
           "crosslaw run asks before it does; another --dir keeps them");
}

// The very preparation of crosslaw run, in a folder that is deleted at the end.
void prepare_aside(Diagnosis& d, sweep::SweepSpec spec, const fs::path& folder) {
  const db::PrivateFolder aside;
  ProgressLine progress(std::cerr);
  std::vector<std::string> said;
  const Say say = [&](const std::string& line) { said.push_back(line); };
  trainer::Corpus corpus = prepare_text(spec, aside.path(), say, progress);
  const auto ladder = sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head);
  sweep::prepare_start_models(spec, ladder, aside.path(), corpus, say);
  for (const std::string& line : said)
    line.starts_with("warning: ") ? d.warn(line.substr(9), "") : d.good(line);
  resolve_precision(spec);
  compare_with_folder(d, sweep::make_plan(spec, ladder, &corpus), folder);
}

bool examine_languages(Diagnosis& d, const sweep::SweepSpec& spec,
                       const trainer::CorpusOptions& options,
                       const std::map<std::string, sweep::TextNeed>& needs) {
  bool enough = true;
  for (const trainer::LanguageFiles& files : options.languages) {
    const auto need = needs.find(files.language);
    if (need == needs.end()) continue;
    try {
      enough &= examine_language(d, spec, files, need->second);
    } catch (const std::exception& error) {
      d.bad(error.what(),
            fmt::format("data.language.{} must name files that can be read", files.language));
      enough = false;
    }
  }
  return enough;
}

}  // namespace

void examine_text(Diagnosis& d, const sweep::SweepSpec& spec, const fs::path& folder,
                  const std::map<std::string, sweep::TextNeed>& needs) {
  try {
    require_texts(spec);
    examine_tokenizer(d, spec);
    const trainer::CorpusOptions options = sweep::corpus_options(spec, data_folder(folder));
    if (!examine_languages(d, spec, options, needs)) return;
    const auto ladder = sweep::read_ladder(spec.ladder, spec.vocabulary, spec.tied_head);
    if (bytes_of(options.languages) + bytes_of_start_models(spec, ladder) <= kPreparedBytes) {
      prepare_aside(d, spec, folder);
    } else {
      look_at_samples(d, options);
    }
  } catch (const sweep::MissingText& error) {
    d.bad(error.what(), "put the text there, or change the pattern");
  } catch (const std::exception& error) {
    d.bad(error.what(), "crosslaw run would stop here, too");
  }
}

}  // namespace crosslaw::apps
