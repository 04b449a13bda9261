#include "db/files/run_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace crosslaw::db {

bool is_run_key(std::string_view text) {
  constexpr std::size_t kDigits = 64;  // of a SHA-256
  return text.size() == kDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string run_folder(std::string_view key) {
  if (!is_run_key(key))
    throw std::invalid_argument(fmt::format("\"{}\" is no run's key (64 hexadecimal digits)", key));
  return fmt::format("runs/{}", key);
}

std::string attempt_folder(std::string_view key, int64_t n) {
  return fmt::format("{}/attempt-{}", run_folder(key), n);
}

std::optional<int64_t> attempt_number(std::string_view name) {
  constexpr std::string_view kPrefix = "attempt-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size());
  int64_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  // Written in one way only: no "007" beside "7".
  if (!whole || n < 1 || fmt::format("{}", n) != digits) return std::nullopt;
  return n;
}

std::string checkpoint_name(int64_t step) { return fmt::format("checkpoint-{:08}", step); }

}  // namespace crosslaw::db
