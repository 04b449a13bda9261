#include "trainer/recipe/batch_order.h"

#include <bit>
#include <cmath>
#include <stdexcept>

#include "fit/data/splitmix64.h"

namespace crosslaw::trainer {
namespace {

using fit::splitmix64;

// By name, not by place in the mixture: a continued run then sees the target language in the same
// order as a run from scratch. The start is FNV's offset basis; any number would do.
uint64_t hash_name(const std::string& name) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (char c : name) hash = splitmix64(hash ^ static_cast<unsigned char>(c));
  return hash;
}

constexpr double kRounding = 1e-9;

// 0.29 * 100 is a little less than 29; without the addition the floor would lose a sequence.
int64_t scaled_floor(double share, int64_t count) {
  return static_cast<int64_t>(std::floor(share * static_cast<double>(count) + kRounding));
}

}  // namespace

// A Feistel network permutes the next power of four; indices outside [0, size) walk on (Black and
// Rogaway 2002, "Ciphers with arbitrary finite domains").
int64_t permuted(int64_t index, int64_t size, uint64_t key) {
  int bits = std::bit_width(static_cast<uint64_t>(size > 1 ? size - 1 : 1));
  int half = (bits + 1) / 2;
  uint64_t mask = (uint64_t{1} << half) - 1;
  auto value = static_cast<uint64_t>(index);
  do {
    uint64_t left = value >> half, right = value & mask;
    // Four rounds make a Feistel network of random functions a random permutation (Luby and Rackoff
    // 1988).
    for (uint64_t round = 0; round < 4; ++round) {
      uint64_t mixed = left ^ (splitmix64(key ^ splitmix64(right * 4 + round)) & mask);
      left = right;
      right = mixed;
    }
    value = (left << half) | right;
  } while (value >= static_cast<uint64_t>(size));
  return static_cast<int64_t>(value);
}

BatchOrder::BatchOrder(std::vector<WindowedLanguage> languages, int64_t batch_sequences,
                       uint64_t seed)
    : languages_(std::move(languages)), batch_sequences_(batch_sequences), seed_(seed) {
  double rest = 0;
  for (const WindowedLanguage& language : languages_) {
    if (language.windows < 1)
      throw std::runtime_error(language.language +
                               ": the training text is shorter than one context");
    rest += language.share;
  }
  rest_share_.push_back(1.0);
  for (size_t i = 1; i < languages_.size(); ++i) {
    double after = rest - languages_[i - 1].share;
    rest_share_.push_back(after / rest);
    rest = after;
  }
}

// The same floors in sum: how many of the first sequences go on past each part.
int64_t BatchOrder::count(size_t part, int64_t sequences) const {
  for (size_t i = 1; i <= part; ++i) sequences = scaled_floor(rest_share_[i], sequences);
  if (part + 1 == languages_.size()) return sequences;
  return sequences - scaled_floor(rest_share_[part + 1], sequences);
}

SequenceRef BatchOrder::sequence(int64_t index) const {
  size_t part = 0;
  // At each level the sequence goes to the later parts when their floor(share * index) rises with
  // it.
  while (part + 1 < languages_.size()) {
    int64_t before = scaled_floor(rest_share_[part + 1], index);
    if (scaled_floor(rest_share_[part + 1], index + 1) == before) {
      return {part, window_of(part, index - before)};
    }
    index = before;
    ++part;
  }
  return {part, window_of(part, index)};
}

int64_t BatchOrder::window_of(size_t part, int64_t index) const {
  const WindowedLanguage& language = languages_[part];
  auto epoch = static_cast<uint64_t>(index / language.windows);
  uint64_t key = splitmix64(splitmix64(seed_) ^ hash_name(language.language) ^ splitmix64(epoch));
  return permuted(index % language.windows, language.windows, key);
}

std::vector<SequenceRef> BatchOrder::batch(int64_t step, int64_t first, int64_t count) const {
  std::vector<SequenceRef> sequences;
  sequences.reserve(static_cast<size_t>(count));
  for (int64_t i = first; i < first + count; ++i)
    sequences.push_back(sequence(step * batch_sequences_ + i));
  return sequences;
}

}  // namespace crosslaw::trainer
