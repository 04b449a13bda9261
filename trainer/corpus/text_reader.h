#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::trainer {

// Bytes of text that are read and encoded as one: what a thread holds of a long document.
inline constexpr size_t kTextPartBytes = size_t{1} << 18;

enum class RawKind {
  kJsonLine,      // of a .jsonl, not parsed yet
  kTextPart,      // of a .txt, which is one document: whole lines of at most kTextPartBytes, or so
                  // much of a longer line; so a file of any size takes little memory
  kDocument,      // of a .parquet, a row's text
  kMissingValue,  // of a .parquet, a row without text
};

struct RawText {
  std::string bytes;
  int64_t line = 1;  // of the file, where `bytes` begin; of a .parquet the row
  RawKind kind = RawKind::kTextPart;
  bool begins_document = true;
};

// Why a document, or a line of a .txt, cannot be used.
struct TextFault {
  int64_t line = 1;
  std::string reason;
};

// UTF-8 text without NUL. Of a .jsonl all of it or, with a fault, nothing; of a .txt without the
// lines that have a fault.
struct ParsedText {
  bool usable = true;
  std::string text;
  std::vector<TextFault> faults;
};

// Splits a file into raw texts: .jsonl, .ndjson or .json (an object a line; blank lines are none),
// or .txt, plain or with .gz or .zst behind it; or .parquet, whose column `text_field` is read by
// Python's package pyarrow. `on_raw` also gets the number of the file's bytes
// used so far, and returns false to stop. Throws std::runtime_error naming the file for an unknown
// ending and for what open_bytes() refuses.
void read_raw_texts(const std::filesystem::path& file, const std::string& text_field,
                    const std::function<bool(RawText&& raw, int64_t file_bytes)>& on_raw);

// The text in the string `text_field` of a line's object, or of a .txt's part.
ParsedText parse_text(const RawText& raw, const std::string& text_field);

// The length of the longest prefix that is valid UTF-8 (RFC 3629) without NUL.
size_t valid_utf8_prefix(std::string_view text);

// Where to cut `text` so that its first part has at most `most` bytes (at least 4) and ends behind
// a line, else behind a space, else behind a character; all of a shorter text.
size_t cut_of(std::string_view text, size_t most);

}  // namespace crosslaw::trainer
