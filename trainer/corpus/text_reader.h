#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace crosslaw::trainer {

// Reads the documents of one file: .jsonl (an object with a string "text" on each line) or .txt
// (the file is one document), plain or compressed as .zst or .gz. Calls `on_document` with UTF-8
// text without NUL; it returns false to stop. Throws std::runtime_error naming file and line for a
// missing file, an unknown ending, damaged or cut-off compression, broken JSON, and text that is
// not UTF-8.
void read_documents(const std::filesystem::path& file,
                    const std::function<bool(std::string_view)>& on_document);

// The length of the longest prefix that is valid UTF-8 (RFC 3629) without NUL.
size_t valid_utf8_prefix(std::string_view text);

}  // namespace crosslaw::trainer
