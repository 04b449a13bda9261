#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace crosslaw::trainer {

// Which text goes into which optimizer step: a pure function of (seed, step), so resuming needs no
// cursor, and a continued run sees the target language in the same order as a run from scratch.
//
// Each language's shard is cut into windows of `context` tokens; one epoch visits each window once,
// in an order drawn from (seed, language, epoch). Sequences of several languages are interleaved
// evenly.
struct WindowedLanguage {
  std::string language;
  double share = 1.0;
  int64_t windows = 0;
};

struct SequenceRef {
  size_t part = 0;     // index into the languages
  int64_t window = 0;  // covers tokens [window * context, window * context + context]
};

class BatchOrder {
 public:
  BatchOrder(std::vector<WindowedLanguage> languages, int64_t batch_sequences, uint64_t seed);

  // The sequences of one optimizer step, or [first, first + count) of them.
  std::vector<SequenceRef> batch(int64_t step) const { return batch(step, 0, batch_sequences_); }
  std::vector<SequenceRef> batch(int64_t step, int64_t first, int64_t count) const;

  // How many of the first `sequences` sequences belong to `part`.
  int64_t count(size_t part, int64_t sequences) const;

 private:
  SequenceRef sequence(int64_t index) const;
  int64_t window_of(size_t part, int64_t index) const;

  std::vector<WindowedLanguage> languages_;
  std::vector<double> rest_share_;  // of parts [i, end) within parts [i - 1, end)
  int64_t batch_sequences_;
  uint64_t seed_;
};

// Element `index` of a pseudo-random permutation of [0, size) that depends on `key`.
int64_t permuted(int64_t index, int64_t size, uint64_t key);

// Windows of `context_tokens` that a shard of `tokens` holds; each needs one token more, its last
// target.
inline int64_t windows_in(int64_t tokens, int64_t context_tokens) {
  return tokens > context_tokens ? (tokens - 1) / context_tokens : 0;
}

}  // namespace crosslaw::trainer
