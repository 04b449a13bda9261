#include "trainer/corpus/corpus.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <thread>

#include "db/files/atomic_file.h"
#include "db/files/content_hash.h"
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_shard.h"
#include "trainer/corpus/tokenizer.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
using Say = std::function<void(const std::string&)>;

constexpr int kManifestVersion = 1;
// Enough to keep all processors at work, few enough that a batch of long documents fits into
// memory.
constexpr size_t kDocumentsAtOnce = 512;
constexpr int64_t kSmallestVocabulary = 300;  // 256 bytes, the control tokens, some letters
constexpr std::string_view kTrainPrefix = "train:";

// Size and date tell cheaply that a file is unchanged; the hash tells it surely.
json stamp_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return nullptr;
  return {{"size", status.st_size},
          {"modified_ns", status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec}};
}

bool unchanged(const fs::path& file, const json& record) {
  json stamp = stamp_of(file);
  if (stamp.is_null() || stamp["size"] != record.value("size", int64_t{-1})) return false;
  // A copied or checked-out file has another date and the same content: then the hash decides.
  return stamp["modified_ns"] == record.value("modified_ns", int64_t{-1}) ||
         db::sha256_of_file(file) == record.value("sha256", "");
}

json describe(const fs::path& file) {
  json record = stamp_of(file);
  if (record.is_null()) throw std::runtime_error(fmt::format("{}: no such file", file.string()));
  record["sha256"] = db::sha256_of_file(file);
  return record;
}

json read_manifest(const fs::path& file, const Say& say) {
  std::ifstream input(file);
  if (!input) return json::object();
  json manifest = json::parse(input, nullptr, false);
  if (!manifest.is_object()) {
    say(fmt::format("{}: damaged; the data are made again", file.string()));
    return json::object();
  }
  if (int version = manifest.value("version", 0); version > kManifestVersion) {
    throw std::runtime_error(
        fmt::format("{}: version {} was written by a newer crosslaw (this one knows {})",
                    file.string(), version, kManifestVersion));
  }
  return manifest;
}

// The lines for tokenizer training: documents of all languages, in equal parts by bytes.
class TrainingSample {
 public:
  explicit TrainingSample(const CorpusOptions& options) {
    int64_t part = options.tokenizer_sample_bytes / static_cast<int64_t>(options.languages.size());
    for (const LanguageFiles& language : options.languages) {
      int64_t left = part;
      for (const fs::path& file : language.train) {
        if (left <= 0) break;
        read_documents(file, [&](std::string_view text) {
          // The part may end inside a character; the tokenizer must not learn its first half.
          add_lines(text.substr(0, valid_utf8_prefix(text.substr(0, static_cast<size_t>(left)))));
          left -= static_cast<int64_t>(text.size());
          return left > 0;
        });
      }
    }
  }
  bool next(std::string& line) {
    if (at_ == lines_.size()) return false;
    line = lines_[at_++];
    return true;
  }

 private:
  void add_lines(std::string_view text) {
    while (!text.empty()) {
      size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      if (!line.empty()) lines_.emplace_back(line);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }
  std::vector<std::string> lines_;
  size_t at_ = 0;
};

class CorpusBuilder {
 public:
  CorpusBuilder(const CorpusOptions& options, const Say& say)
      : options_(options),
        say_(say),
        manifest_file_(options.folder / "manifest.json"),
        old_(read_manifest(manifest_file_, say)),
        tokenizer_(make_tokenizer()) {}

  Corpus build() {
    Corpus corpus{tokenizer_.sha256(), tokenizer_.vocabulary(), {}};
    new_["version"] = kManifestVersion;
    for (const LanguageFiles& language : options_.languages) {
      corpus.languages.push_back({language.language, shard(language, "train", language.train),
                                  shard(language, "valid", language.valid)});
    }
    // Written last: a crash before leaves shards that the next invocation finds unnamed and makes
    // again.
    if (new_ != old_) db::publish_file(manifest_file_, new_.dump(1) + "\n");
    return corpus;
  }

 private:
  Tokenizer make_tokenizer() {
    new_["tokenizer"] = {{"spec", options_.tokenizer}};
    if (options_.tokenizer == "bytes") return Tokenizer::bytes();
    if (!options_.tokenizer.starts_with(kTrainPrefix)) return Tokenizer::load(options_.tokenizer);
    fs::path model = options_.folder / "tokenizer.model";
    json sources = json::array();
    for (const LanguageFiles& language : options_.languages) {
      for (const fs::path& file : language.train) sources.push_back(source_record(file));
    }
    json& record = new_["tokenizer"];
    record["sample_bytes"] = options_.tokenizer_sample_bytes;
    record["sources"] = sources;
    json old = old_.value("tokenizer", json::object());
    if (same_sources(old, sources) && old.value("spec", "") == options_.tokenizer &&
        old.value("sample_bytes", int64_t{0}) == options_.tokenizer_sample_bytes &&
        unchanged(model, old.value("model", json::object()))) {
      record["model"] = old["model"];
      return Tokenizer::load(model);
    }
    int64_t vocabulary = std::stoll(options_.tokenizer.substr(kTrainPrefix.size()));
    say_(fmt::format("training a tokenizer of {} tokens", vocabulary));
    TrainingSample sample(options_);
    db::publish_file(
        model, train_tokenizer(vocabulary, [&](std::string& line) { return sample.next(line); }));
    record["model"] = describe(model);
    return Tokenizer::load(model);
  }

  // A source's record in the old manifest holds while the file is unchanged; else it is hashed
  // anew.
  json source_record(const fs::path& file) {
    // A file may serve several languages or splits; it is hashed once.
    std::string path = file.lexically_normal().string();
    if (auto known = sources_.find(path); known != sources_.end()) return known->second;
    json record;
    json old = old_.value("sources", json::object()).value(path, json::object());
    record = !old.empty() && unchanged(file, old) ? old : describe(file);
    new_["sources"][path] = record;
    sources_[path] = {{"path", path}, {"sha256", record["sha256"]}};
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
    bool valid = split == "valid";
    fs::path file = options_.folder / fmt::format("{}.{}.tokens", language.language, split);
    json sources = json::array();
    for (const fs::path& source : files) sources.push_back(source_record(source));
    json old = old_.value("languages", json::object())
                   .value(language.language, json::object())
                   .value(split, json::object());
    json& record = new_["languages"][language.language][split];
    // A shard is a function of its sources, the tokenizer and, for validation, the number of
    // tokens.
    bool same_request = same_sources(old, sources) &&
                        old.value("tokenizer_sha256", "") == tokenizer_.sha256() &&
                        (!valid || old.value("tokens", int64_t{0}) == options_.valid_tokens + 1);
    if (same_request && unchanged(file, old)) {
      record = old;
    } else {
      if (same_request)
        say_(fmt::format("{}: missing or damaged; it is made again", file.string()));
      say_(fmt::format("tokenizing {} ({})", language.language, split));
      record = write_shard(language.language, file, files,
                           valid ? options_.valid_tokens + 1 : INT64_MAX);
      record["tokenizer_sha256"] = tokenizer_.sha256();
      record["sources"] = sources;
    }
    return {file, record["sha256"], record["tokens"], record["documents"], record["text_bytes"]};
  }

  json write_shard(const std::string& language, const fs::path& file,
                   const std::vector<fs::path>& files, int64_t limit) {
    TokenShardWriter writer(file, tokenizer_.vocabulary());
    int64_t documents = 0, text_bytes = 0;
    std::optional<int32_t> first;
    std::vector<std::string> waiting;
    auto flush = [&]() {
      for (std::vector<int32_t>& tokens : encode_all(waiting)) {
        if (writer.tokens() == limit) break;
        // Before each document, the first included: a model sees every document start the same way.
        tokens.insert(tokens.begin(), tokenizer_.separator());
        tokens.resize(std::min(tokens.size(), static_cast<size_t>(limit - writer.tokens())));
        for (int32_t token : tokens) text_bytes += tokenizer_.bytes_of_token(token);
        if (!first) first = tokens.front();
        writer.append(tokens);
        ++documents;
      }
      waiting.clear();
      return writer.tokens() < limit;
    };
    for (const fs::path& source : files) {
      bool more = true;
      read_documents(source, [&](std::string_view text) {
        waiting.emplace_back(text);
        if (waiting.size() == kDocumentsAtOnce) more = flush();
        return more;
      });
      if (!more) break;
    }
    flush();
    // The first token is never a target, so its bytes are not what a loss per byte is shared among.
    if (first) text_bytes -= tokenizer_.bytes_of_token(*first);
    require_enough(language, writer.tokens(), limit);
    writer.finish(text_bytes);
    json record = describe(file);
    record["tokens"] = writer.tokens();
    record["documents"] = documents;
    record["text_bytes"] = text_bytes;
    return record;
  }

  void require_enough(const std::string& language, int64_t tokens, int64_t limit) const {
    if (limit != INT64_MAX && tokens < limit) {
      throw std::runtime_error(fmt::format(
          "data.language.{}.valid: the validation text has {} tokens, data.valid_tokens = {} asks "
          "for more; give more text or lower data.valid_tokens",
          language, tokens, limit - 1));
    }
    if (tokens == 0)
      throw std::runtime_error(
          fmt::format("data.language.{}.train: the files hold no text", language));
  }

  std::vector<std::vector<int32_t>> encode_all(const std::vector<std::string>& documents) const {
    std::vector<std::vector<int32_t>> encoded(documents.size());
    // SentencePiece takes a while a document; bytes are only copied. Each thread has documents of
    // its own, so that the result does not depend on their number.
    size_t workers =
        options_.tokenizer == "bytes" ? 1 : std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::thread> threads;
    for (size_t worker = 0; worker < workers; ++worker) {
      threads.emplace_back([&, worker]() {
        for (size_t i = worker; i < documents.size(); i += workers)
          encoded[i] = tokenizer_.encode(documents[i]);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return encoded;
  }

  const CorpusOptions& options_;
  const Say& say_;
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

std::vector<std::string> complaints(const CorpusOptions& options) {
  std::vector<std::string> messages;
  if (options.languages.empty())
    messages.emplace_back("data.language: at least one language is needed");
  if (options.valid_tokens < 1)
    messages.push_back(
        fmt::format("data.valid_tokens = {}: must be at least 1", options.valid_tokens));
  if (options.tokenizer.starts_with(kTrainPrefix)) {
    std::string digits = options.tokenizer.substr(kTrainPrefix.size());
    bool number =
        !digits.empty() && digits.size() < 9 &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number || std::stoll(digits) < kSmallestVocabulary) {
      messages.push_back(fmt::format(
          "data.tokenizer = \"{}\": expected train:<vocabulary> with at least {} tokens",
          options.tokenizer, kSmallestVocabulary));
    }
  }
  for (const LanguageFiles& language : options.languages) {
    if (language.train.empty())
      messages.push_back(fmt::format("data.language.{}.train: no file matches", language.language));
    if (language.valid.empty())
      messages.push_back(fmt::format("data.language.{}.valid: no file matches", language.language));
  }
  return messages;
}

Corpus prepare_corpus(const CorpusOptions& options, const Say& say) {
  if (auto messages = complaints(options); !messages.empty())
    throw std::invalid_argument(messages.front());
  fs::create_directories(options.folder);
  try {
    return CorpusBuilder(options, say).build();
  } catch (const json::exception&) {  // JSON, but no manifest of ours
    fs::path manifest = options.folder / "manifest.json";
    say(fmt::format("{}: damaged; the data are made again", manifest.string()));
    fs::remove(manifest);
    return CorpusBuilder(options, say).build();
  }
}

}  // namespace crosslaw::trainer
