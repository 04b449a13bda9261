#include "trainer/corpus/shard_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "trainer/corpus/document_encoder.h"
#include "trainer/corpus/text_reader.h"
#include "trainer/corpus/token_file.h"
#include "trainer/corpus/token_shard.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

// Text in memory at a time: enough work for many threads, little beside what training takes.
constexpr size_t kBatchBytes = size_t{1} << 23;
constexpr size_t kFaultsShown = 20;

// The documents that cannot be used, of which the first ones are shown.
class FaultList {
 public:
  void add(const fs::path& file, const TextFault& fault) {
    if (++count_ <= static_cast<int64_t>(kFaultsShown))
      shown_ += fmt::format("\n  {}: line {}: {}", file.string(), fault.line, fault.reason);
  }
  int64_t count() const { return count_; }
  std::string text() const {
    int64_t more = count_ - static_cast<int64_t>(kFaultsShown);
    return more > 0 ? fmt::format("{}\n  and {} more", shown_, more) : shown_;
  }

 private:
  int64_t count_ = 0;
  std::string shown_;
};

class ShardMaker {
 public:
  ShardMaker(const ShardRequest& request, const Tokenizer& tokenizer, const TextPolicy& policy,
             const OnShare& on_share)
      : request_(request),
        tokenizer_(tokenizer),
        policy_(policy),
        on_share_(on_share),
        threads_(policy.threads > 0 ? policy.threads
                                    : std::max(1u, std::thread::hardware_concurrency())),
        writer_(request.file, tokenizer.vocabulary()) {
    for (const fs::path& source : request.sources) {
      std::error_code ignored;  // a file that cannot be read is named when it is opened
      auto size = fs::file_size(source, ignored);
      if (!ignored) all_bytes_ += static_cast<double>(size);
    }
  }

  ShardCounts make(const std::function<void(const std::string&)>& say) {
    for (const fs::path& source : request_.sources) {
      is_token_file(source) ? take_tokens(source) : read(source);
      if (full()) break;
    }
    if (faults_.count() > 0 && !policy_.skip_bad_documents) {
      throw std::invalid_argument(
          fmt::format("{}: {} of the documents cannot be used; mend them, or leave them out with "
                      "data.on_bad_document = \"skip\":{}",
                      request_.key, faults_.count(), faults_.text()));
    }
    if (faults_.count() > 0)
      say(fmt::format("{}: {} documents were left out:{}", request_.key, faults_.count(),
                      faults_.text()));
    counts_.skipped = faults_.count();
    require_enough();
    writer_.finish(counts_.text_bytes);
    return counts_;
  }

 private:
  bool full() const { return writer_.tokens() == request_.most_tokens; }

  void read(const fs::path& source) {
    std::vector<RawText> batch;
    size_t batch_bytes = 0;
    int64_t used = 0;
    read_raw_texts(source, policy_.text_field, [&](RawText&& raw, int64_t file_bytes) {
      batch_bytes += raw.bytes.size();
      batch.push_back(std::move(raw));
      used = file_bytes;
      if (batch_bytes < kBatchBytes) return true;
      encode(source, batch);
      if (on_share_) on_share_(share_of(done_bytes_ + static_cast<double>(used)));
      batch.clear(), batch_bytes = 0;
      return !full();
    });
    encode(source, batch);
    done_bytes_ += static_cast<double>(used);
  }

  // As they are: whoever made them has put separators where they belong.
  void take_tokens(const fs::path& source) {
    const TokenFile file = open_token_file(source);
    int64_t separators = 0;
    read_tokens(file, tokenizer_.vocabulary(), [&](std::vector<int32_t> tokens) {
      const bool first = writer_.tokens() == 0;
      const int64_t room = request_.most_tokens - writer_.tokens();
      tokens.resize(std::min(tokens.size(), static_cast<size_t>(room)));
      writer_.append(tokens);
      counts_.tokens = writer_.tokens();
      counts_.unknown_tokens += std::count(tokens.begin(), tokens.end(), tokenizer_.unknown());
      // The first token of a shard is never predicted, and no separator stands for text.
      if (first) tokens.erase(tokens.begin());
      separators += std::erase(tokens, tokenizer_.separator());
      counts_.text_bytes += static_cast<int64_t>(tokenizer_.decode(tokens).size());
      if (on_share_)
        on_share_(share_of(done_bytes_ + static_cast<double>(file.token_bytes) *
                                             static_cast<double>(counts_.tokens)));
      return !full();
    });
    counts_.documents += std::max(file.documents, separators);
    done_bytes_ += static_cast<double>(fs::file_size(source));
  }

  double share_of(double bytes) const { return std::min(100.0, 100 * bytes / all_bytes_); }

  void encode(const fs::path& source, const std::vector<RawText>& batch) {
    if (full()) return;
    // When the shard cannot be made any more, only the other faults are still wanted.
    const bool only_check = faults_.count() > 0 && !policy_.skip_bad_documents;
    const auto encoded = encode_texts(batch, tokenizer_, policy_.text_field, threads_, only_check);
    for (size_t i = 0; i < batch.size() && !full(); ++i) {
      for (const TextFault& fault : encoded[i].faults) faults_.add(source, fault);
      if (encoded[i].usable) write(batch[i], encoded[i]);
    }
  }

  void write(const RawText& raw, const EncodedText& text) {
    // Before each document, the first included: a model sees every document start the same way.
    if (text.begins_document) {
      writer_.append({tokenizer_.separator()});
      ++counts_.documents;
    }
    const int64_t room = request_.most_tokens - writer_.tokens();
    if (static_cast<int64_t>(text.tokens.size()) <= room) {
      writer_.append(text.tokens);
      counts_.text_bytes += text.text_bytes;
      counts_.lost_bytes += text.lost_bytes;
    } else {
      writer_.append({text.tokens.begin(), text.tokens.begin() + room});
      counts_.text_bytes += bytes_of_first_tokens(raw, tokenizer_, policy_.text_field, room);
    }
    counts_.unknown_tokens += text.unknown_tokens;
    counts_.tokens = writer_.tokens();
  }

  void require_enough() const {
    if (request_.most_tokens != INT64_MAX && !full()) {
      throw std::invalid_argument(fmt::format(
          "{}: the validation text has {} tokens, data.valid_tokens = {} asks for more; give more "
          "text or lower data.valid_tokens",
          request_.key, writer_.tokens(), request_.most_tokens - 1));
    }
    if (writer_.tokens() == 0)
      throw std::invalid_argument(fmt::format("{}: the files hold no text", request_.key));
  }

  const ShardRequest& request_;
  const Tokenizer& tokenizer_;
  const TextPolicy& policy_;
  const OnShare& on_share_;
  unsigned threads_;
  TokenShardWriter writer_;
  ShardCounts counts_;
  FaultList faults_;
  double all_bytes_ = 0, done_bytes_ = 0;
};

}  // namespace

ShardCounts make_shard(const ShardRequest& request, const Tokenizer& tokenizer,
                       const TextPolicy& policy, const std::function<void(const std::string&)>& say,
                       const OnShare& on_share) {
  return ShardMaker(request, tokenizer, policy, on_share).make(say);
}

}  // namespace crosslaw::trainer
