#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace crosslaw::trainer {

// All windows of so many symbols (bytes, or tokens) of some documents, and which of them other
// documents hold as well. A rolling hash finds candidates in linear time, a comparison of the
// symbols decides: there is no false alarm. Memory is at most 40 bytes a symbol of the indexed
// documents, whatever is compared with them.
template <typename Symbol>
class WindowIndex {
 public:
  struct Hit {
    int32_t group = 0;  // of the other document
    int64_t place = 0;  // as compare() was told
  };

  explicit WindowIndex(int64_t width) : width_(width) {}

  // Documents are numbered as they come. All must be added before compare().
  void add(std::span<const Symbol> document);
  void build();

  // Marks the windows that this document, of one of at most 32 groups, has in common. Whether it is
  // the first to share a window with some indexed document.
  bool compare(std::span<const Symbol> document, int32_t group, int64_t place);

  int64_t documents() const { return static_cast<int64_t>(ends_.size()); }
  int64_t windows(int64_t document) const;
  // Windows of a document that some other document holds; of one group, or of any.
  int64_t shared(int64_t document, std::optional<int32_t> group = std::nullopt) const;
  // What those windows cover, as [begin, end) in symbols of the document, ascending and apart.
  std::vector<std::pair<int64_t, int64_t>> shared_ranges(int64_t document) const;
  // Where the first window of this document was found; nothing where none was.
  const std::optional<Hit>& first_hit(int64_t document) const {
    return first_hits_[static_cast<size_t>(document)];
  }

 private:
  struct Slot {
    uint32_t hash = 0;      // a part of it
    uint32_t position = 0;  // in symbols_, counted from 1; of equal windows the first; 0: empty
    uint32_t groups = 0;    // that hold it
  };

  template <typename OnWindow>
  void roll(std::span<const Symbol> symbols, const OnWindow& on_window) const;
  size_t slot_of(uint64_t hash, const Symbol* window) const;
  int64_t begin_of(int64_t document) const;
  int64_t document_of(int64_t position) const;
  // The slots of a document's windows, one after the other.
  template <typename OnSlot>
  void for_each_slot(int64_t document, const OnSlot& on_slot) const;

  int64_t width_;
  std::vector<Symbol> symbols_;
  std::vector<int64_t> ends_;     // of documents in symbols_
  std::vector<Slot> slots_;       // open addressing, a power of two
  std::vector<uint64_t> filter_;  // a bit for a part of the hash: most windows end there
  std::vector<std::optional<Hit>> first_hits_;
};

extern template class WindowIndex<unsigned char>;
extern template class WindowIndex<int32_t>;

}  // namespace crosslaw::trainer
