#pragma once

#include <optional>
#include <string_view>

namespace crosslaw::fit {

// Which sign stands before the decimals of a number.
enum class DecimalMark { kPoint, kComma };

struct WrittenNumber {
  double value = 0;        // not finite for "nan" and "inf", and beyond a double
  bool scaled = false;     // the text itself says K, M, B, T, % or a unit of compute
  bool too_large = false;  // or too small: no double holds it
};

// A number as people write it, the whole text, blanks around it allowed: 1.5e9, +3, 7B, 53.3M,
// 1,238,144, 53_300_000, 12 %, 1.5 x 10^21, 10^21, 3.2 PFLOPs, 7 billion, 2 PF-days. K, M, B (or
// G), T are 1e3, 1e6, 1e9, 1e12 in either case, P, E, Z and Y go with FLOPs alone. With kComma
// "1.238.144" and "3,456" are 1238144 and 3.456. Absent: no number. The one reader of files and of
// the command line.
std::optional<WrittenNumber> read_number(std::string_view text,
                                         DecimalMark mark = DecimalMark::kPoint);

// The value alone; absent also where it is not finite.
std::optional<double> parse_number(std::string_view text, DecimalMark mark = DecimalMark::kPoint);

// 1e6 for "M", "million", "mn"; also "K", "B", "T", "GFLOPs", "PF-days", "tokens" (1). Absent: no
// such word.
std::optional<double> scale_of_word(std::string_view word);

// What a text tells of the decimal mark of its file: 3.45 and 1,238,144 say point, 3,45 says comma,
// 3,456 may be either.
enum class MarkEvidence { kNone, kPoint, kComma, kEither };
MarkEvidence mark_evidence(std::string_view text);

// Blank, or a word for a value that is not there: nan, inf, NA, N/A, null, none, -.
bool is_missing(std::string_view text);

// Begins with what spreadsheets write into a cell that cannot be computed: #DIV/0!, #N/A.
bool is_error_of_spreadsheet(std::string_view text);

// Without blanks (also no-break ones) at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace crosslaw::fit
