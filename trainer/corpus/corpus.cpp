#include "trainer/corpus/corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "db/files/atomic_file.h"
#include "db/files/checked_json.h"
#include "db/files/content_hash.h"
#include "db/files/read_file.h"
#include "trainer/corpus/file_record.h"
#include "trainer/corpus/tokenizer.h"
#include "trainer/corpus/training_sample.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
using Say = std::function<void(const std::string&)>;

// 2: bytes are counted from the text, long documents are encoded in parts.
constexpr int kManifestVersion = 2;
constexpr int64_t kSmallestVocabulary = 300;  // 256 bytes, the control tokens, some letters
constexpr std::string_view kTrainPrefix = "train:";
constexpr std::string_view kTokensPrefix = "tokens:";

// The number behind a prefix; 0 where it is none of at most nine digits.
int64_t number_in(const std::string& tokenizer, std::string_view prefix) {
  const std::string digits = tokenizer.substr(prefix.size());
  const bool number =
      !digits.empty() && digits.size() <= 9 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number ? std::stoll(digits) : 0;
}

json read_manifest(const fs::path& file, const Say& say) {
  const auto text = db::read_file(file);
  if (!text) return json::object();
  json manifest = json::parse(*text, nullptr, false);
  // Hashes of texts are part of every key: one lost bit would retire a whole sweep.
  const bool lost =
      manifest.is_object() && manifest.contains(db::kOwnHash) && !db::is_checked(*text, manifest);
  if (!manifest.is_object() || lost) {
    say(fmt::format("{}: damaged; the data are made again", file.string()));
    return json::object();
  }
  if (int version = manifest.value("version", 0); version > kManifestVersion) {
    throw std::runtime_error(
        fmt::format("{}: version {} was written by a newer crosslaw (this one knows {})",
                    file.string(), version, kManifestVersion));
  }
  manifest.erase(db::kOwnHash);
  return manifest;
}

class CorpusBuilder {
 public:
  CorpusBuilder(const CorpusOptions& options, const Say& say, const OnTokenizing& on_progress)
      : options_(options),
        say_(say),
        on_progress_(on_progress),
        manifest_file_(options.folder / "manifest.json"),
        old_(read_manifest(manifest_file_, say)),
        tokenizer_(make_tokenizer()) {}

  Corpus build() {
    Corpus corpus{tokenizer_.sha256(), tokenizer_.vocabulary(), {}, {}, {}, {}};
    new_["version"] = kManifestVersion;
    refuse_same_bytes(texts_of(options_.languages), [this](const fs::path& file) {
      return source_record(file)["sha256"].get<std::string>();
    });
    for (const LanguageFiles& language : options_.languages) {
      corpus.languages.push_back({language.language, shard(language, "train", language.train),
                                  shard(language, "valid", language.valid)});
    }
    corpus.audit = audit(corpus);
    for (const ChoiceFile& set : options_.choices) corpus.choices.push_back(choices(set));
    // Written last: a crash before leaves shards that the next invocation finds unnamed and makes
    // again.
    if (new_ != old_) db::publish_file(manifest_file_, db::checked_text(new_));
    return corpus;
  }

 private:
  Tokenizer make_tokenizer() {
    new_["tokenizer"] = {{"spec", options_.tokenizer}};
    if (options_.tokenizer == "bytes") return Tokenizer::bytes();
    if (options_.tokenizer.starts_with(kTokensPrefix))
      return Tokenizer::of_token_files(
          static_cast<int32_t>(number_in(options_.tokenizer, kTokensPrefix)));
    if (!options_.tokenizer.starts_with(kTrainPrefix)) return Tokenizer::load(options_.tokenizer);
    fs::path model = options_.folder / "tokenizer.model";
    json sources = json::array();
    for (const LanguageFiles& language : options_.languages) {
      for (const fs::path& file : language.train) sources.push_back(source_record(file));
    }
    json& record = new_["tokenizer"];
    record["sample_bytes"] = options_.tokenizer_sample_bytes;
    record["text_field"] = options_.text.text_field;
    record["sources"] = sources;
    json old = old_.value("tokenizer", json::object());
    if (same_sources(old, sources) && old.value("spec", "") == options_.tokenizer &&
        old.value("sample_bytes", int64_t{0}) == options_.tokenizer_sample_bytes &&
        old.value("text_field", "text") == options_.text.text_field &&
        is_unchanged(model, old.value("model", json::object()))) {
      record["model"] = old["model"];
      return Tokenizer::load(model);
    }
    int64_t vocabulary = number_in(options_.tokenizer, kTrainPrefix);
    say_(fmt::format("training a tokenizer of {} tokens", vocabulary));
    std::vector<std::vector<fs::path>> files;
    for (const LanguageFiles& language : options_.languages) files.push_back(language.train);
    TrainingSample sample(files, options_.tokenizer_sample_bytes, options_.text.text_field);
    db::publish_file(
        model, train_tokenizer(vocabulary, [&](std::string& line) { return sample.next(line); }));
    record["model"] = file_record(model);
    return Tokenizer::load(model);
  }

  // A source's record in the old manifest holds while the file is unchanged; else it is hashed
  // anew.
  json source_record(const fs::path& file) {
    // A file may serve several languages or splits; it is hashed once.
    std::string path = file.lexically_normal().string();
    if (auto known = sources_.find(path); known != sources_.end()) return known->second;
    const json old = old_.value("sources", json::object()).value(path, json::object());
    const json record = !old.empty() && is_unchanged(file, old) ? old : file_record(file);
    new_["sources"][path] = record;
    sources_[path] = {{"path", path}, {"sha256", record["sha256"]}, {"size", record["size"]}};
    return sources_[path];
  }

  static bool same_sources(const json& old, const json& sources) {
    json known = old.value("sources", json::array());
    if (known.size() != sources.size()) return false;
    // By hash and order, not by path: a moved corpus is the same corpus.
    for (size_t i = 0; i < sources.size(); ++i) {
      if (known[i].value("sha256", "") != sources[i]["sha256"].get<std::string>()) return false;
    }
    return true;
  }

  ShardRecord shard(const LanguageFiles& language, const std::string& split,
                    const std::vector<fs::path>& files) {
    const bool valid = split == "valid";
    ShardRequest request{fmt::format("data.language.{}.{}", language.language, split),
                         options_.folder / fmt::format("{}.{}.tokens", language.language, split),
                         files, valid ? options_.valid_tokens + 1 : INT64_MAX};
    json sources = json::array();
    for (const fs::path& source : files) sources.push_back(source_record(source));
    json old = old_.value("languages", json::object())
                   .value(language.language, json::object())
                   .value(split, json::object());
    json& record = new_["languages"][language.language][split];
    // A shard is a function of its sources, how they are read, the tokenizer and, for validation,
    // the number of tokens.
    bool same_request = old_.value("version", 0) == kManifestVersion &&
                        same_sources(old, sources) && old.value("reading", json()) == reading() &&
                        old.value("tokenizer_sha256", "") == tokenizer_.sha256() &&
                        (!valid || old.value("tokens", int64_t{0}) == options_.valid_tokens + 1);
    if (same_request && is_unchanged(request.file, old)) {
      record = old;
    } else {
      if (same_request)
        say_(fmt::format("{}: missing or damaged; it is made again", request.file.string()));
      record = write_shard(request, fmt::format("{} ({})", language.language, split));
      record["tokenizer_sha256"] = tokenizer_.sha256();
      record["reading"] = reading();
      record["sources"] = sources;
    }
    ShardRecord result{
        request.file,         record["sha256"],     record["tokens"],         record["documents"],
        record["text_bytes"], record["lost_bytes"], record["unknown_tokens"], record["skipped"]};
    require_faithful(request.key, result);
    return result;
  }

  // What training and validation texts have in common and which languages they are in, looked at
  // when a text has changed. An overlap that is not allowed is an error each time.
  TextAudit audit(const Corpus& corpus) {
    const bool guess_languages = options_.allow_foreign < 1;  // else any share is allowed
    json request = {{"version", kTextAuditVersion},
                    {"guess_languages", guess_languages},
                    {"texts", json::object()}};
    for (const LanguageShards& shards : corpus.languages) {
      request["texts"][shards.language] = {new_["languages"][shards.language]["train"]["sources"],
                                           new_["languages"][shards.language]["valid"]["sources"],
                                           shards.valid.documents, shards.train.sha256,
                                           shards.valid.sha256};
    }
    const json old = old_.value("audit", json::object());
    json& record = new_["audit"];
    std::vector<std::string> notes;
    if (old.value("request", json()) == request) {
      record = old;
    } else {
      const TextAudit fresh =
          look_at_texts(overlap_texts(corpus), options_.text.text_field, tokenizer_.separator(),
                        options_.tokenizer == "bytes", guess_languages);
      notes = fresh.notes;
      record = to_json(fresh);
      record["request"] = request;
    }
    TextAudit audit = text_audit_from(record);
    audit.notes = notes;
    require_clean(audit, options_.allow_overlap, options_.allow_foreign, say_);
    return audit;
  }

  std::vector<OverlapText> overlap_texts(const Corpus& corpus) const {
    std::vector<OverlapText> texts = texts_of(options_.languages);
    for (OverlapText& text : texts) {
      const LanguageShards& shards = corpus.language(text.language);
      text.train_shard = shards.train.file;
      text.valid_shard = shards.valid.file;
      text.valid_documents = shards.valid.documents;
    }
    return texts;
  }

  // Tokens of a set of questions, made anew when it, its delimiter or the tokenizer has changed.
  ChoiceFile choices(const ChoiceFile& set) {
    ChoiceFile made = set;
    made.file = options_.folder / fmt::format("{}.choices", set.name);
    const json source = source_record(set.file);
    const json old = old_.value("choices", json::object()).value(set.name, json::object());
    json& record = new_["choices"][set.name];
    const bool same = json(old.value("source_sha256", "")) == source["sha256"] &&
                      old.value("delimiter", "") == set.delimiter &&
                      old.value("tokenizer_sha256", "") == tokenizer_.sha256() &&
                      is_unchanged(made.file, old);
    if (same) {
      record = old;
      return made;
    }
    const std::vector<ChoiceQuestion> questions = tokenized_choices(set, tokenizer_);
    write_choices(questions, made.file);
    record = file_record(made.file);
    record["source_sha256"] = source["sha256"];
    record["delimiter"] = set.delimiter;
    record["tokenizer_sha256"] = tokenizer_.sha256();
    say_(fmt::format("choices {}: {} questions", set.name, questions.size()));
    return made;
  }

  json reading() const {
    return {{"text_field", options_.text.text_field}, {"skip", options_.text.skip_bad_documents}};
  }

  json write_shard(const ShardRequest& request, const std::string& name) {
    double megabytes = 0;
    for (const fs::path& source : request.sources)
      megabytes += static_cast<double>(sources_[source.lexically_normal().string()]["size"]) / 1e6;
    ShardCounts counts = make_shard(request, tokenizer_, options_.text, say_, [&](double percent) {
      if (on_progress_)
        on_progress_(static_cast<int64_t>(percent),
                     fmt::format("tokenizing {}: {:.0f} % of {:.0f} MB", name, percent, megabytes));
    });
    json record = file_record(request.file);
    record["tokens"] = counts.tokens;
    record["documents"] = counts.documents;
    record["text_bytes"] = counts.text_bytes;
    record["lost_bytes"] = counts.lost_bytes;
    record["unknown_tokens"] = counts.unknown_tokens;
    record["skipped"] = counts.skipped;
    say_(describe_counts(name, counts));
    return record;
  }

  static std::string describe_counts(const std::string& name, const ShardCounts& counts) {
    auto share = [](int64_t part, int64_t whole) {
      return 100.0 * static_cast<double>(part) / static_cast<double>(std::max<int64_t>(whole, 1));
    };
    if (counts.text_bytes == 0)  // of a tokenizer that is not here
      return fmt::format("took {}: {} documents, {} tokens", name, counts.documents, counts.tokens);
    std::string losses =
        counts.lost_bytes + counts.unknown_tokens == 0
            ? "no byte lost"
            : fmt::format("{:.2g} % of the bytes lost by the tokenizer, {:.2g} % unknown tokens",
                          share(counts.lost_bytes, counts.text_bytes),
                          share(counts.unknown_tokens, counts.tokens));
    return fmt::format("tokenized {}: {} documents, {} tokens, {:.3f} tokens a byte, {}", name,
                       counts.documents, counts.tokens,
                       static_cast<double>(counts.tokens) /
                           static_cast<double>(std::max<int64_t>(counts.text_bytes, 1)),
                       losses);
  }

  // Losses per token of a text that is half gone are small and mean nothing.
  void require_faithful(const std::string& key, const ShardRecord& shard) const {
    if (shard.lost_share() <= options_.max_lost_share) return;
    throw std::invalid_argument(fmt::format(
        "data.tokenizer = \"{}\": {:.1f} % of the bytes of {} do not come back from their tokens "
        "({} of {} tokens are unknown): it normalises them away or does not know them, and its "
        "losses would be of another text; take a tokenizer without normalisation and with byte "
        "fallback, or raise data.max_lost_share = {:g}",
        options_.tokenizer, 100 * shard.lost_share(), key, shard.unknown_tokens, shard.tokens,
        options_.max_lost_share));
  }

  const CorpusOptions& options_;
  const Say& say_;
  const OnTokenizing& on_progress_;
  fs::path manifest_file_;
  json old_;
  json new_ = json::object();
  std::map<std::string, json> sources_;
  Tokenizer tokenizer_;
};

}  // namespace

const LanguageShards& Corpus::language(const std::string& name) const {
  for (const LanguageShards& shards : languages) {
    if (shards.language == name) return shards;
  }
  throw std::runtime_error(fmt::format("the corpus has no language {}", name));
}

std::vector<OverlapText> texts_of(const std::vector<LanguageFiles>& languages) {
  std::vector<OverlapText> texts;
  for (const LanguageFiles& files : languages)
    texts.push_back({files.language, files.train, files.valid, "", "", INT64_MAX});
  return texts;
}

std::vector<std::string> complaints(const CorpusOptions& options) {
  std::vector<std::string> messages;
  if (options.languages.empty())
    messages.emplace_back("data.language: at least one language is needed");
  if (options.valid_tokens < 1)
    messages.push_back(
        fmt::format("data.valid_tokens = {}: must be at least 1", options.valid_tokens));
  if (options.tokenizer.starts_with(kTrainPrefix) &&
      number_in(options.tokenizer, kTrainPrefix) < kSmallestVocabulary) {
    messages.push_back(
        fmt::format("data.tokenizer = \"{}\": expected train:<vocabulary> with at least {} tokens",
                    options.tokenizer, kSmallestVocabulary));
  }
  if (options.tokenizer.starts_with(kTokensPrefix) &&
      number_in(options.tokenizer, kTokensPrefix) < 2) {
    messages.push_back(
        fmt::format("data.tokenizer = \"{}\": expected tokens:<vocabulary>, for files of tokens",
                    options.tokenizer));
  }
  if (options.text.text_field.empty())
    messages.emplace_back("data.text_field = \"\": the name of a JSON field was expected");
  for (const auto& [key, share] : {std::pair{"allow_overlap", options.allow_overlap},
                                   {"allow_foreign", options.allow_foreign},
                                   {"max_lost_share", options.max_lost_share}}) {
    if (share >= 0 && share <= 1) continue;
    messages.push_back(
        fmt::format("data.{} = {:g}: a share between 0 and 1 was expected", key, share));
  }
  for (const LanguageFiles& language : options.languages) {
    if (language.train.empty())
      messages.push_back(fmt::format("data.language.{}.train: no file matches", language.language));
    if (language.valid.empty())
      messages.push_back(fmt::format("data.language.{}.valid: no file matches", language.language));
  }
  return messages;
}

double ShardRecord::lost_share() const {
  return text_bytes > 0 ? static_cast<double>(lost_bytes) / static_cast<double>(text_bytes) : 0.0;
}

Corpus prepare_corpus(const CorpusOptions& options, const Say& say,
                      const OnTokenizing& on_progress) {
  if (auto messages = complaints(options); !messages.empty())
    throw std::invalid_argument(messages.front());
  fs::create_directories(options.folder);
  try {
    return CorpusBuilder(options, say, on_progress).build();
  } catch (const json::exception&) {  // JSON, but no manifest of ours
    fs::path manifest = options.folder / "manifest.json";
    say(fmt::format("{}: damaged; the data are made again", manifest.string()));
    fs::remove(manifest);
    return CorpusBuilder(options, say, on_progress).build();
  }
}

}  // namespace crosslaw::trainer
