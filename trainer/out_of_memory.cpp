#include "trainer/out_of_memory.h"

#include <c10/util/Exception.h>

#include <new>
#include <string_view>

namespace crosslaw::trainer {

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

std::optional<int64_t> halved_divisor(int64_t sequences, int64_t current) {
  for (int64_t size = current / 2; size >= 1; --size) {
    if (sequences % size == 0) return size;
  }
  return std::nullopt;
}

}  // namespace crosslaw::trainer
