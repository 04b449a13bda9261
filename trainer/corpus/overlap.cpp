#include "trainer/corpus/overlap.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>

#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_file.h"
#include "trainer/corpus/token_shard.h"
#include "trainer/corpus/window_index.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using Bytes = std::span<const unsigned char>;

// Tokens of a shard that are in memory at a time.
constexpr int64_t kChunkTokens = int64_t{1} << 20;
// About kPassageBytes, of a tokenizer whose tokens are longer than a byte.
constexpr int64_t kPassageTokens = 50;

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

// The text documents of files, in order; a .txt comes in parts. `on_text` returns false to stop.
void for_each_text(const std::vector<fs::path>& files, const std::string& text_field,
                   const std::function<bool(const std::string& text, size_t file, int64_t line,
                                            bool begins_document)>& on_text) {
  bool more = true;
  for (size_t file = 0; file < files.size() && more; ++file) {
    if (is_token_file(files[file])) continue;
    read_raw_texts(files[file], text_field, [&](RawText&& raw, int64_t) {
      const ParsedText parsed = parse_text(raw, text_field);
      if (parsed.usable) more = on_text(parsed.text, file, raw.line, raw.begins_document);
      return more;
    });
  }
}

class OverlapFinder {
 public:
  OverlapFinder(const std::vector<OverlapText>& texts, const std::string& text_field)
      : texts_(texts), text_field_(text_field), windows_(kOverlapBytes), passages_(kPassageBytes) {}

  std::vector<Overlap> find() {
    for (size_t language = 0; language < texts_.size(); ++language) add_valid(language);
    windows_.build(), passages_.build();
    for (size_t language = 0; language < texts_.size(); ++language) compare_train(language);
    std::vector<Overlap> overlaps(texts_.size());
    for (size_t language = 0; language < texts_.size(); ++language)
      overlaps[language].language = texts_[language].language;
    for (size_t document = 0; document < documents_.size(); ++document)
      count(static_cast<int64_t>(document), overlaps[documents_[document].language]);
    for (Overlap& overlap : overlaps) {
      std::stable_sort(overlap.documents.begin(), overlap.documents.end(),
                       [](const LeakedDocument& a, const LeakedDocument& b) {
                         return a.windows.shared > b.windows.shared;
                       });
    }
    return overlaps;
  }

 private:
  struct Document {
    size_t language, file;
    int64_t line;
  };

  void add_valid(size_t language) {
    int64_t left = texts_[language].valid_documents;
    for_each_text(texts_[language].valid, text_field_,
                  [&](const std::string& text, size_t file, int64_t line, bool begins) {
                    if (begins && left-- == 0) return false;
                    windows_.add(bytes_of(text)), passages_.add(bytes_of(text));
                    documents_.push_back({language, file, line});
                    return true;
                  });
  }

  void compare_train(size_t language) {
    for_each_text(texts_[language].train, text_field_,
                  [&](const std::string& text, size_t file, int64_t line, bool) {
                    const auto place = static_cast<int64_t>(places_.size());
                    const auto group = static_cast<int32_t>(language);
                    windows_.compare(bytes_of(text), group, place);
                    // Most documents share nothing: where they stand is not kept.
                    if (passages_.compare(bytes_of(text), group, place))
                      places_.push_back({language, file, line});
                    return true;
                  });
  }

  void count(int64_t document, Overlap& overlap) const {
    overlap.bytes.windows += windows_.windows(document);
    overlap.bytes.shared += windows_.shared(document);
    const WindowCount passages{passages_.windows(document), passages_.shared(document)};
    overlap.passages.windows += passages.windows, overlap.passages.shared += passages.shared;
    if (passages.shared == 0) return;
    for (size_t language = 0; language < texts_.size(); ++language) {
      const int64_t shared = passages_.shared(document, static_cast<int32_t>(language));
      if (shared > 0) overlap.passages_in[texts_[language].language] += shared;
    }
    const Document& at = documents_[static_cast<size_t>(document)];
    const Document& seen = places_[static_cast<size_t>(passages_.first_hit(document)->place)];
    overlap.documents.push_back({texts_[at.language].valid[at.file].string(), at.line, passages,
                                 texts_[seen.language].language,
                                 texts_[seen.language].train[seen.file].string(), seen.line});
  }

  const std::vector<OverlapText>& texts_;
  const std::string& text_field_;
  WindowIndex<unsigned char> windows_, passages_;
  std::vector<Document> documents_;  // of the validation texts, as the indices number them
  std::vector<Document> places_;     // of training texts
};

// The documents of a shard between its separators, and where they begin; a long one in parts.
void for_each_document(
    const TokenShard& shard, int64_t separator,
    const std::function<void(std::span<const int32_t>, int64_t begin)>& on_document) {
  std::vector<int64_t> chunk(static_cast<size_t>(kChunkTokens));
  std::vector<int32_t> document;
  int64_t begin = 0;
  const auto finish = [&](int64_t next) {
    on_document(document, begin);
    document.clear();
    begin = next;
  };
  for (int64_t from = 0; from < shard.info().tokens; from += kChunkTokens) {
    const int64_t count = std::min(kChunkTokens, shard.info().tokens - from);
    shard.copy(from, count, chunk.data());
    for (int64_t i = 0; i < count; ++i) {
      const auto token = static_cast<int32_t>(chunk[static_cast<size_t>(i)]);
      if (token == separator) {
        finish(from + i + 1);
      } else {
        document.push_back(token);
      }
    }
    if (static_cast<int64_t>(document.size()) > kChunkTokens) finish(from + count);
  }
  finish(shard.info().tokens);
}

// All validation shards' windows of so many tokens, and which of them training shards hold.
struct TokenWindows {
  struct Document {
    size_t language;
    int64_t begin;  // in its shard
  };
  WindowIndex<int32_t> index;
  std::vector<Document> documents;  // as the index numbers them
};

TokenWindows token_windows(const std::vector<OverlapText>& texts, int64_t separator,
                           int64_t width) {
  TokenWindows out{WindowIndex<int32_t>(width), {}};
  for (size_t language = 0; language < texts.size(); ++language) {
    for_each_document(TokenShard(texts[language].valid_shard), separator,
                      [&](std::span<const int32_t> document, int64_t begin) {
                        out.index.add(document);
                        out.documents.push_back({language, begin});
                      });
  }
  out.index.build();
  for (size_t language = 0; language < texts.size(); ++language) {
    for_each_document(TokenShard(texts[language].train_shard), separator,
                      [&](std::span<const int32_t> document, int64_t) {
                        out.index.compare(document, static_cast<int32_t>(language), 0);
                      });
  }
  return out;
}

void count_tokens(const std::vector<OverlapText>& texts, int64_t separator,
                  std::vector<Overlap>& overlaps) {
  const TokenWindows found = token_windows(texts, separator, kOverlapTokens);
  for (int64_t document = 0; document < found.index.documents(); ++document) {
    WindowCount& count = overlaps[found.documents[static_cast<size_t>(document)].language].tokens;
    count.windows += found.index.windows(document), count.shared += found.index.shared(document);
  }
}

}  // namespace

double WindowCount::share() const {
  return windows > 0 ? static_cast<double>(shared) / static_cast<double>(windows) : 0.0;
}

std::vector<Overlap> find_overlaps(const std::vector<OverlapText>& texts,
                                   const std::string& text_field, int64_t separator,
                                   bool bytes_are_tokens) {
  std::vector<Overlap> overlaps = OverlapFinder(texts, text_field).find();
  if (!bytes_are_tokens) count_tokens(texts, separator, overlaps);
  return overlaps;
}

std::map<std::string, TokenRanges> seen_tokens(const std::vector<OverlapText>& texts,
                                               int64_t separator, bool bytes_are_tokens) {
  const TokenWindows found =
      token_windows(texts, separator, bytes_are_tokens ? kPassageBytes : kPassageTokens);
  std::map<std::string, TokenRanges> seen;
  for (int64_t document = 0; document < found.index.documents(); ++document) {
    const auto& [language, begin] = found.documents[static_cast<size_t>(document)];
    for (const auto& [from, to] : found.index.shared_ranges(document))
      seen[texts[language].language].emplace_back(begin + from, begin + to);
  }
  return seen;
}

std::string describe(const Overlap& o) {
  const std::string tokens =
      o.tokens.windows == 0
          ? ""
          : fmt::format("{:.3g} % of those of {} tokens, ", 100 * o.tokens.share(), kOverlapTokens);
  return fmt::format(
      "{} (valid): {:.3g} % of its windows of {} bytes stand in training text, {}{:.3g} % of its "
      "passages of {} bytes",
      o.language, 100 * o.bytes.share(), kOverlapBytes, tokens, 100 * o.passages.share(),
      kPassageBytes);
}

std::string describe(const LeakedDocument& d) {
  return fmt::format("{}, line {}: {:.0f} % of it stands in {}, line {} of data.language.{}.train",
                     d.file, d.line, 100 * d.windows.share(), d.train_file, d.train_line,
                     d.train_language);
}

}  // namespace crosslaw::trainer
