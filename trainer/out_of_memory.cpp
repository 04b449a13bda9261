#include "trainer/out_of_memory.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::trainer {
namespace {

std::vector<int64_t> divisors(int64_t number) {
  std::vector<int64_t> found;
  for (int64_t i = 1; i <= number; ++i) {
    if (number % i == 0) found.push_back(i);
  }
  return found;
}

}  // namespace

std::string plain_message(const std::exception& error) {
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error))
    return torch->what_without_backtrace();
  return error.what();
}

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) ||
      dynamic_cast<const std::bad_alloc*>(&error))
    return true;
  // c10/core/impl/alloc_cpu.cpp throws a plain c10::Error with this sentence.
  const auto* torch = dynamic_cast<const c10::Error*>(&error);
  return torch &&
         std::string_view(torch->what_without_backtrace())
                 .find("DefaultCPUAllocator: can't allocate memory") != std::string_view::npos;
}

std::optional<int64_t> largest_fitting_divisor(int64_t sequences, int64_t guess,
                                               const std::function<bool(int64_t)>& fits) {
  const std::vector<int64_t> sizes = divisors(sequences);
  // sizes[0, low) fit, sizes[high, end) do not.
  auto low = sizes.begin(), high = sizes.end();
  auto next = std::upper_bound(low, high, std::max<int64_t>(1, guess)) - 1;
  while (low < high) {
    if (fits(*next)) {
      low = next + 1;
    } else {
      high = next;
    }
    // After a guess that fits the one above it, which mostly does not: two trials, not log2 of all.
    next = high == sizes.end() ? low : low + (high - low) / 2;
  }
  if (low == sizes.begin()) return std::nullopt;
  return *(low - 1);
}

std::optional<int64_t> halved_divisor(int64_t sequences, int64_t current) {
  for (int64_t size = current / 2; size >= 1; --size) {
    if (sequences % size == 0) return size;
  }
  return std::nullopt;
}

}  // namespace crosslaw::trainer
