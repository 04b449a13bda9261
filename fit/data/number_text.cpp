#include "fit/data/number_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace crosslaw::fit {
namespace {

// Blanks that spreadsheets and typesetters put between digits: no-break, thin, narrow no-break.
constexpr std::array<std::string_view, 3> kWideBlanks = {"\xc2\xa0", "\xe2\x80\x89",
                                                         "\xe2\x80\xaf"};
constexpr double kSecondsPerDay = 86400;

constexpr std::array<std::pair<std::string_view, double>, 36> kScales = {{
    {"k", 1e3},        {"thousand", 1e3},  {"thousands", 1e3},  {"m", 1e6},
    {"mn", 1e6},       {"mio", 1e6},       {"million", 1e6},    {"millions", 1e6},
    {"mega", 1e6},     {"b", 1e9},         {"bn", 1e9},         {"billion", 1e9},
    {"billions", 1e9}, {"g", 1e9},         {"giga", 1e9},       {"t", 1e12},
    {"tn", 1e12},      {"trillion", 1e12}, {"trillions", 1e12}, {"tera", 1e12},
    {"p", 1e15},       {"peta", 1e15},     {"e", 1e18},         {"exa", 1e18},
    {"z", 1e21},       {"zetta", 1e21},    {"y", 1e24},         {"yotta", 1e24},
    {"tsd", 1e3},      {"mln", 1e6},       {"mrd", 1e9},        {"mld", 1e9},
    {"mlrd", 1e9},     {"milliarde", 1e9}, {"milliarden", 1e9}, {"milliards", 1e9},
}};
// What is counted scales nothing.
constexpr std::array<std::string_view, 11> kNouns = {"flops",  "flop",  "parameters", "parameter",
                                                     "params", "param", "tokens",     "token",
                                                     "tok",    "nats",  "nat"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Wide blanks become plain ones, and the apostrophe of typesetters that of typewriters.
std::string with_plain_blanks(std::string_view text) {
  std::string out(text);
  constexpr std::string_view kApostrophe = "\xe2\x80\x99";
  for (std::size_t at = out.find(kApostrophe); at != std::string::npos;
       at = out.find(kApostrophe, at)) {
    out.replace(at, kApostrophe.size(), "'");
  }
  for (const std::string_view wide : kWideBlanks) {
    for (std::size_t at = out.find(wide); at != std::string::npos; at = out.find(wide, at)) {
      out.replace(at, wide.size(), " ");
    }
  }
  return out;
}

// "10⁶" as "10^6": runs of superscript digits.
std::string with_plain_powers(std::string_view text) {
  constexpr std::array<std::string_view, 10> kDigits = {
      "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
      "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
  std::string out;
  bool inside = false;
  while (!text.empty()) {
    const auto* const digit =
        std::find_if(kDigits.begin(), kDigits.end(),
                     [&](std::string_view each) { return text.starts_with(each); });
    const bool raised = digit != kDigits.end();
    if (raised && !inside) out += '^';
    if (raised) {
      out += static_cast<char>('0' + (digit - kDigits.begin()));
    } else {
      out += text.front();
    }
    text.remove_prefix(raised ? digit->size() : 1);
    inside = raised;
  }
  return out;
}

// "pf-days", "petaflop_s_days", "PFLOP/s-day", "exaflop days": FLOP/s held for a day, in FLOPs.
std::optional<double> flop_days(std::string_view word) {
  std::string bare;
  for (const char c : word) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) bare += c;
  }
  if (bare.ends_with('s')) bare.pop_back();
  if (!bare.ends_with("day")) return std::nullopt;
  bare.resize(bare.size() - 3);
  for (const auto& [prefix, factor] : {std::pair<std::string_view, double>{"tera", 1e12},
                                       {"peta", 1e15},
                                       {"exa", 1e18},
                                       {"zetta", 1e21},
                                       {"t", 1e12},
                                       {"p", 1e15},
                                       {"e", 1e18},
                                       {"z", 1e21}}) {
    if (!bare.starts_with(prefix)) continue;
    const std::string rest = bare.substr(prefix.size());
    for (const std::string_view flops : {"f", "fs", "flop", "flops", "flopss"}) {
      if (rest == flops) return factor * kSecondsPerDay;
    }
  }
  return std::nullopt;
}

// Eats a number from the front of a text.
class NumberReader {
 public:
  NumberReader(std::string_view text, DecimalMark mark)
      : text_(text),
        decimal_(mark == DecimalMark::kPoint ? '.' : ','),
        group_(mark == DecimalMark::kPoint ? ',' : '.') {}

  std::optional<WrittenNumber> read() {
    if (!eat_digits()) return std::nullopt;
    eat_exponent();
    double value = 0;
    const auto [end, error] = std::from_chars(clean_.data(), clean_.data() + clean_.size(), value);
    if (end != clean_.data() + clean_.size()) return std::nullopt;
    out_.too_large = error == std::errc::result_out_of_range;
    if (!eat_power(value)) return std::nullopt;
    const std::string_view rest = trimmed(text_.substr(at_));
    if (!rest.empty()) {
      const std::optional<double> scale = rest == "%" ? 0.01 : scale_of_word(rest);
      if (!scale) return std::nullopt;
      out_.scaled = *scale != 1;
      value *= *scale;
    }
    out_.value = value;
    out_.too_large = out_.too_large || !std::isfinite(value);
    return out_;
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  // A group is closed by three digits and no fourth.
  bool group_follows() const {
    return is_digit(peek(1)) && is_digit(peek(2)) && is_digit(peek(3)) && !is_digit(peek(4));
  }

  bool eat_digits() {
    if (peek() == '+' || peek() == '-') {
      if (peek() == '-') clean_ += '-';
      ++at_;
    }
    std::size_t leading = 0;
    bool fraction = false, any = false;
    char grouping = '\0';
    for (;; ++at_) {
      const char c = peek();
      if (is_digit(c)) {
        clean_ += c;
        any = true;
        leading += fraction ? 0 : 1;
      } else if (c == decimal_ && !fraction) {
        clean_ += '.';
        fraction = true;
      } else if (c == '_' && any && is_digit(peek(1))) {
        continue;
      } else if ((c == group_ || c == ' ' || c == '\'') && any && !fraction && group_follows()) {
        if (grouping == '\0' ? leading > 3 : grouping != c) return false;
        grouping = c;
      } else {
        return any;
      }
    }
  }

  void eat_exponent() {
    if (peek() != 'e' && peek() != 'E') return;
    const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if (!is_digit(peek(1 + sign))) return;  // exa, or nothing
    clean_ += 'e';
    if (peek(1) == '-') clean_ += '-';
    for (at_ += 1 + sign; is_digit(peek()); ++at_) clean_ += peek();
  }

  // "^21" after a base, or "x 10^21" after a factor. False: begun and not ended.
  bool eat_power(double& value) {
    std::string_view rest = trimmed(text_.substr(at_));
    double factor = value;
    for (const std::string_view times : {"x", "X", "*", "\xc3\x97", "\xc2\xb7"}) {
      if (!rest.starts_with(times)) continue;
      rest = trimmed(rest.substr(times.size()));
      if (!rest.starts_with("10")) return false;
      rest.remove_prefix(2);
      if (rest.empty() || (rest[0] != '^' && !rest.starts_with("**"))) return false;
      return power(rest, 10, [&](double powered) { value = factor * powered; });
    }
    if (rest.empty() || (rest[0] != '^' && !rest.starts_with("**"))) return true;
    return power(rest, value, [&](double powered) { value = powered; });
  }

  template <typename Take>
  bool power(std::string_view rest, double base, const Take& take) {
    rest.remove_prefix(rest[0] == '^' ? 1 : 2);
    if (rest.starts_with("+")) rest.remove_prefix(1);
    int exponent = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), exponent);
    if (error != std::errc()) return false;
    take(std::pow(base, exponent));
    at_ = static_cast<std::size_t>(end - text_.data());
    return true;
  }

  std::string_view text_;
  char decimal_, group_;
  std::size_t at_ = 0;
  std::string clean_;
  WrittenNumber out_;
};

}  // namespace

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  for (bool more = true; more;) {
    more = false;
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    for (const std::string_view wide : kWideBlanks) {
      if (text.starts_with(wide)) text.remove_prefix(wide.size()), more = true;
      if (text.ends_with(wide)) text.remove_suffix(wide.size()), more = true;
    }
  }
  return text;
}

std::optional<double> scale_of_word(std::string_view word) {
  std::string text = lower(trimmed(word));
  if (text.size() > 2 && text.ends_with('.')) text.pop_back();  // "Mio."
  if (const auto days = flop_days(text)) return days;
  const auto known = [](const std::string& name) -> std::optional<double> {
    const auto* const found = std::find_if(kScales.begin(), kScales.end(),
                                           [&](const auto& each) { return each.first == name; });
    return found == kScales.end() ? std::nullopt : std::optional(found->second);
  };
  // "1e" is a number cut short, and nobody writes 5P of anything but FLOPs.
  const bool needs_noun = text == "e" || text == "p" || text == "z" || text == "y";
  if (const auto scale = known(text); scale && !needs_noun) return scale;
  for (const std::string_view noun : kNouns) {
    if (!text.ends_with(noun)) continue;
    const std::string_view before =
        trimmed(std::string_view(text).substr(0, text.size() - noun.size()));
    return before.empty() ? std::optional(1.0) : known(std::string(before));
  }
  return std::nullopt;
}

std::optional<WrittenNumber> read_number(std::string_view text, DecimalMark mark) {
  text = trimmed(text);
  if (text.empty()) return std::nullopt;
  // Nearly every cell of a real file is plain.
  WrittenNumber plain;
  const std::string_view digits = text.front() == '+' ? text.substr(1) : text;
  const bool signed_twice = text.front() == '+' && !digits.empty() && digits.front() == '-';
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), plain.value);
  const bool other_mark = mark == DecimalMark::kComma && text.find('.') != std::string_view::npos;
  if (!signed_twice && !other_mark && end == digits.data() + digits.size() && !digits.empty() &&
      error != std::errc::invalid_argument) {
    plain.too_large = error == std::errc::result_out_of_range;
    if (plain.too_large) plain.value = std::numeric_limits<double>::infinity();
    return plain;
  }
  const std::string blanks = with_plain_powers(with_plain_blanks(text));
  return NumberReader(blanks, mark).read();
}

std::optional<double> parse_number(std::string_view text, DecimalMark mark) {
  const std::optional<WrittenNumber> found = read_number(text, mark);
  if (!found || found->too_large || !std::isfinite(found->value)) return std::nullopt;
  return found->value;
}

MarkEvidence mark_evidence(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || text.find_first_of(".,") == std::string_view::npos)
    return MarkEvidence::kNone;
  const auto point = read_number(text, DecimalMark::kPoint);
  const auto comma = read_number(text, DecimalMark::kComma);
  if (point && !comma) return MarkEvidence::kPoint;
  if (comma && !point) return MarkEvidence::kComma;
  if (!point) return MarkEvidence::kNone;
  // "0,345" groups nothing: no count starts with 0.
  const std::string_view digits =
      text.front() == '+' || text.front() == '-' ? text.substr(1) : text;
  if (digits.starts_with("0,")) return MarkEvidence::kComma;
  if (digits.starts_with("0.")) return MarkEvidence::kPoint;
  return MarkEvidence::kEither;
}

bool is_error_of_spreadsheet(std::string_view text) {
  for (const std::string_view each :
       {"#n/a", "#div/0!", "#ref!", "#value!", "#name?", "#num!", "#null!"}) {
    if (lower(text.substr(0, each.size())) == each) return true;
  }
  return false;
}

bool is_missing(std::string_view text) {
  const std::string word = lower(trimmed(text));
  if (is_error_of_spreadsheet(word)) return true;
  for (const char* each :
       {"", "nan", "na", "n/a", "<na>", "null", "none", "nil", "-", "--", "\xe2\x80\x93",
        "\xe2\x80\x94", "inf", "+inf", "-inf", "infinity", "-infinity", "+infinity", "-nan"}) {
    if (word == each) return true;
  }
  return false;
}

}  // namespace crosslaw::fit
