#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crosslaw::db {

// Where the files of a sweep's runs lie, relative to the sweep's folder. These names are made from
// a run's key and from numbers and are never read from a file or a database: no edited or damaged
// one can lead elsewhere.

// A run's key: 64 lower-case hexadecimal digits.
bool is_run_key(std::string_view text);

// "runs/<key>"; throws std::invalid_argument for what is no key.
std::string run_folder(std::string_view key);
// "runs/<key>/attempt-<n>"
std::string attempt_folder(std::string_view key, int64_t n);
// n of "attempt-<n>"; nothing for any other name.
std::optional<int64_t> attempt_number(std::string_view name);
// "checkpoint-00000120", inside an attempt's folder.
std::string checkpoint_name(int64_t step);

}  // namespace crosslaw::db
