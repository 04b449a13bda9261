#include "trainer/corpus/window_index.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace crosslaw::trainer {
namespace {

// An odd number with well mixed bits: hash = sum of symbol_i * kBase^(width - 1 - i), mod 2^64.
constexpr uint64_t kBase = 0x9E3779B97F4A7C15u;
constexpr int kFilterShare = 16;  // bits of the filter for each window

// High bits of the rolling hash depend on all symbols, low ones on few; this spreads them.
uint64_t mixed(uint64_t hash) {
  hash ^= hash >> 32;
  hash *= 0xD6E8FEB86659FD93u;
  return hash ^ (hash >> 32);
}

uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

template <typename Symbol>
uint64_t value_of(Symbol symbol) {
  return static_cast<uint64_t>(static_cast<uint32_t>(symbol)) + 1;
}

}  // namespace

template <typename Symbol>
void WindowIndex<Symbol>::add(std::span<const Symbol> document) {
  symbols_.insert(symbols_.end(), document.begin(), document.end());
  ends_.push_back(static_cast<int64_t>(symbols_.size()));
}

template <typename Symbol>
template <typename OnWindow>
void WindowIndex<Symbol>::roll(std::span<const Symbol> symbols, const OnWindow& on_window) const {
  const auto width = static_cast<size_t>(width_);
  if (symbols.size() < width) return;
  uint64_t hash = 0, leaving = 1;
  for (size_t i = 1; i < width; ++i) leaving *= kBase;
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (i >= width) hash -= leaving * value_of(symbols[i - width]);
    hash = hash * kBase + value_of(symbols[i]);
    if (i + 1 >= width) on_window(mixed(hash), static_cast<int64_t>(i + 1 - width));
  }
}

template <typename Symbol>
void WindowIndex<Symbol>::build() {
  const size_t wanted = std::max<size_t>(64, symbols_.size());
  if (symbols_.size() >= UINT32_MAX)
    throw std::invalid_argument(
        "the validation texts are larger than 4 GB: lower data.valid_tokens");
  // At most three of four slots are taken.
  slots_.assign(std::bit_ceil(wanted + wanted / 3), {});
  filter_.assign(std::bit_ceil(kFilterShare * wanted) / 64, 0);
  first_hits_.assign(ends_.size(), std::nullopt);
  for (int64_t document = 0; document < documents(); ++document) {
    const int64_t begin = begin_of(document);
    const std::span<const Symbol> symbols(
        symbols_.data() + begin, static_cast<size_t>(ends_[static_cast<size_t>(document)] - begin));
    roll(symbols, [&](uint64_t hash, int64_t at) {
      Slot& slot = slots_[slot_of(hash, symbols.data() + at)];
      if (slot.position == 0) slot = {tag_of(hash), static_cast<uint32_t>(begin + at + 1), 0};
      const uint64_t bit = hash & (filter_.size() * 64 - 1);
      filter_[bit / 64] |= uint64_t{1} << (bit % 64);
    });
  }
}

// The slot that holds the window, or the empty one where it would go.
template <typename Symbol>
size_t WindowIndex<Symbol>::slot_of(uint64_t hash, const Symbol* window) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = (hash >> 8) & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.position == 0) return at;
    if (slot.hash == tag_of(hash) &&
        std::equal(window, window + width_, symbols_.data() + slot.position - 1))
      return at;
  }
}

template <typename Symbol>
bool WindowIndex<Symbol>::compare(std::span<const Symbol> document, int32_t group, int64_t place) {
  const uint64_t filter_mask = filter_.size() * 64 - 1;
  bool is_first = false;
  roll(document, [&](uint64_t hash, int64_t at) {
    const uint64_t bit = hash & filter_mask;
    if ((filter_[bit / 64] >> (bit % 64) & 1) == 0) return;
    Slot& slot = slots_[slot_of(hash, document.data() + at)];
    if (slot.position == 0) return;
    slot.groups |= uint32_t{1} << (group & 31);
    auto& first = first_hits_[static_cast<size_t>(document_of(slot.position - 1))];
    if (!first) first = Hit{group, place}, is_first = true;
  });
  return is_first;
}

template <typename Symbol>
int64_t WindowIndex<Symbol>::begin_of(int64_t document) const {
  return document == 0 ? 0 : ends_[static_cast<size_t>(document) - 1];
}

template <typename Symbol>
int64_t WindowIndex<Symbol>::document_of(int64_t position) const {
  return std::upper_bound(ends_.begin(), ends_.end(), position) - ends_.begin();
}

template <typename Symbol>
int64_t WindowIndex<Symbol>::windows(int64_t document) const {
  return std::max<int64_t>(0,
                           ends_[static_cast<size_t>(document)] - begin_of(document) - width_ + 1);
}

template <typename Symbol>
template <typename OnSlot>
void WindowIndex<Symbol>::for_each_slot(int64_t document, const OnSlot& on_slot) const {
  const int64_t begin = begin_of(document);
  const std::span<const Symbol> symbols(
      symbols_.data() + begin, static_cast<size_t>(ends_[static_cast<size_t>(document)] - begin));
  roll(symbols,
       [&](uint64_t hash, int64_t at) { on_slot(slots_[slot_of(hash, symbols.data() + at)], at); });
}

template <typename Symbol>
int64_t WindowIndex<Symbol>::shared(int64_t document, std::optional<int32_t> group) const {
  const uint32_t groups = group ? uint32_t{1} << (*group & 31) : ~uint32_t{0};
  int64_t count = 0;
  for_each_slot(document, [&](const Slot& slot, int64_t) { count += (slot.groups & groups) != 0; });
  return count;
}

template <typename Symbol>
std::vector<std::pair<int64_t, int64_t>> WindowIndex<Symbol>::shared_ranges(
    int64_t document) const {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for_each_slot(document, [&](const Slot& slot, int64_t at) {
    if (slot.groups == 0) return;
    if (ranges.empty() || at > ranges.back().second) ranges.emplace_back(at, at);
    ranges.back().second = at + width_;
  });
  return ranges;
}

template class WindowIndex<unsigned char>;
template class WindowIndex<int32_t>;

}  // namespace crosslaw::trainer
