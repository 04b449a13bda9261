#pragma once

#include <string>

namespace crosslaw::apps {

inline constexpr const char* kStandardInput = "-";

// Whether a file's name ends as tables do that can be read: .csv, .md, .jsonl.gz and so on.
bool has_table_ending(const std::string& path);

// The text of a file, or of standard input, decompressed where it is packed with gzip or zstd.
// Throws std::invalid_argument.
std::string read_source_text(const std::string& path);

}  // namespace crosslaw::apps
