#include "apps/commands/command_line_lists.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "fit/data/number_text.h"
#include "fit/data/plausibility.h"

namespace crosslaw::apps {
namespace {

constexpr std::size_t kMostInRange = 10000;

// What follows these after a blank belongs to them when it is a number, a range or N:D,
constexpr std::array<std::string_view, 8> kNumberLists = {
    "--flops", "--tokens-per-param", "--predict", "--budgets", "--runs",
    "--gpus",  "--card-gb",          "--sizes"};
// NAME=VALUE,
constexpr std::array<std::string_view, 3> kPairLists = {"--coefficients", "--fix", "--tie"};
// a word,
constexpr std::array<std::string_view, 3> kWordLists = {"--best-of", "--mean-of", "--laws"};
// or a condition; these are given once for each.
constexpr std::array<std::string_view, 2> kConditionLists = {"--where", "--holdout"};

std::vector<double> spaced(std::string_view flag, std::string_view text) {
  const auto refuse = [&]() {
    throw std::invalid_argument(fmt::format(
        "{} {}: expected LOW..HIGHxCOUNT with two numbers above 0 and a count from 2 on, such as "
        "1e20..1e24x5",
        flag, text));
  };
  const std::size_t dots = text.find("..");
  const std::size_t times = text.rfind('x');
  if (times == std::string_view::npos || times < dots) refuse();
  const auto low = fit::parse_number(text.substr(0, dots));
  const auto high = fit::parse_number(text.substr(dots + 2, times - dots - 2));
  const auto count = fit::parse_number(text.substr(times + 1));
  if (!low || !high || !count || !(*low > 0) || !(*high > 0)) refuse();
  if (!(*count >= 2) || *count > kMostInRange || *count != std::floor(*count)) refuse();
  std::vector<double> out;
  const auto last = static_cast<std::size_t>(*count) - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(last);
    const double value = std::exp(std::log(*low) * (1 - share) + std::log(*high) * share);
    // 1e22 and not 9.999999999999e21: 12 digits are more than anyone types.
    out.push_back(i == 0 ? *low : i == last ? *high : std::stod(fmt::format("{:.12g}", value)));
  }
  return out;
}

bool is_number_element(const std::string& text) {
  if (text.empty()) return false;
  std::string_view first = text;
  first = first.substr(0, first.find_first_of(",:"));
  if (const std::size_t dots = first.find(".."); dots != std::string_view::npos) {
    first = first.substr(0, dots);
  }
  return fit::parse_number(first).has_value();
}

bool is_file(const std::string& text) {
  std::error_code ignored;
  return text.find_first_of("/.") != std::string::npos || std::filesystem::exists(text, ignored);
}

bool is_condition(const std::string& text) {
  return !text.starts_with("-") && text.find_first_of("=<>") != std::string::npos &&
         !std::filesystem::exists(text);
}

enum class ListKind { kNone, kNumbers, kPairs, kWords, kConditions };

ListKind kind_of_list(std::string_view flag) {
  const auto among = [&](const auto& names) {
    return std::find(names.begin(), names.end(), flag) != names.end();
  };
  return among(kNumberLists)      ? ListKind::kNumbers
         : among(kPairLists)      ? ListKind::kPairs
         : among(kWordLists)      ? ListKind::kWords
         : among(kConditionLists) ? ListKind::kConditions
                                  : ListKind::kNone;
}

bool continues(ListKind kind, const std::string& text) {
  switch (kind) {
    case ListKind::kNumbers:
      return is_number_element(text);
    case ListKind::kPairs:
    case ListKind::kConditions:
      return is_condition(text);
    case ListKind::kWords:
      return !text.empty() && !text.starts_with("-") && !is_file(text);
    case ListKind::kNone:
      break;
  }
  return false;
}

// Up to one of the separators; what stands in quotes holds none.
std::size_t end_of_element(std::string_view text, std::string_view separators) {
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == quote) quote = 0;
    } else if (text[i] == '"' && i == 0) {
      quote = text[i];
    } else if (separators.find(text[i]) != separators.npos) {
      return i;
    }
  }
  return text.npos;
}

std::string unquoted(std::string_view text) {
  const bool quoted = text.size() > 1 && text.front() == '"' && text.back() == '"';
  return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

std::vector<std::string> split_at(std::string_view flag, std::string_view text,
                                  std::string_view separators) {
  std::vector<std::string> out;
  std::string_view rest = fit::trimmed(text);
  for (;;) {
    const std::size_t end = end_of_element(rest, separators);
    const std::string_view one = fit::trimmed(rest.substr(0, end));
    if (one.empty()) {
      throw std::invalid_argument(fmt::format(
          "{} {}: an element of the list is empty; take out the comma, or fill it", flag, text));
    }
    out.push_back(unquoted(one));
    if (end == std::string_view::npos) return out;
    // "1e20, 1e21": one separator.
    const bool comma = rest[end] == ',';
    rest.remove_prefix(end + 1);
    const std::string_view bare = fit::trimmed(rest);
    const bool comma_after = !comma && bare.starts_with(",");
    rest = comma_after ? fit::trimmed(bare.substr(1)) : bare;
  }
}

}  // namespace

std::vector<std::string> split_list(std::string_view flag, std::string_view text) {
  return split_at(flag, text, ", ");
}

std::vector<std::string> split_pairs(std::string_view flag, std::string_view text) {
  std::string joined;
  for (const char c : text) {
    if (c == '=') joined.erase(joined.find_last_not_of(' ') + 1);
    if (c == ' ' && joined.ends_with('=')) continue;
    joined += c;
  }
  return split_list(flag, joined);
}

std::vector<double> parse_number_list(std::string_view flag, std::string_view text) {
  std::vector<double> out;
  for (const std::string& each : split_list(flag, text)) {
    if (each.find("..") != std::string::npos) {
      const std::vector<double> range = spaced(flag, each);
      out.insert(out.end(), range.begin(), range.end());
      continue;
    }
    const std::optional<double> value = fit::parse_number(each);
    if (!value) {
      throw std::invalid_argument(
          fmt::format("{} {}: '{}' is no number such as 1e21 or 7B", flag, text, each));
    }
    out.push_back(*value);
  }
  return out;
}

CLI::Option* read_as_number(CLI::Option* option) {
  const std::string flag = option->get_name();
  option->transform(CLI::Validator(
      [flag](std::string& text) -> std::string {
        const auto number = fit::read_number(text);
        if (!number || number->too_large) {
          throw std::invalid_argument(
              fmt::format("{} {}: expected a number such as 1e21, 7B or 0.5", flag, text));
        }
        if (!number->scaled && text.find_first_of("_, eE") == std::string::npos) return "";
        text = number->value == std::floor(number->value) && std::abs(number->value) < 1e15
                   ? fmt::format("{:.0f}", number->value)
                   : fmt::format("{}", number->value);
        return "";
      },
      ""));
  return option;
}

void require_plausible(std::string_view flag, std::optional<double> value, ModelCount what) {
  struct Bounds {
    double least, most;
    const char *things, *example;
  };
  constexpr double kFewest = 6 * fit::kFewestParams * fit::kFewestTokens;
  constexpr double kMost = 6 * fit::kMostParams * fit::kMostTokens;
  const Bounds bounds =
      what == ModelCount::kParams ? Bounds{fit::kFewestParams, fit::kMostParams, "parameters", "7B"}
      : what == ModelCount::kTokens ? Bounds{fit::kFewestTokens, fit::kMostTokens, "tokens", "140B"}
                                    : Bounds{kFewest, kMost, "FLOPs", "1e21 or 10ZFLOPs"};
  if (!value || *value == 0 || (*value >= bounds.least && *value <= bounds.most)) return;
  throw std::invalid_argument(
      fmt::format("{} {:g}: no model has so {} {} (expected {:.0e} to {:.0e}); write it with its "
                  "unit, such as {}",
                  flag, *value, *value < bounds.least ? "few" : "many", bounds.things, bounds.least,
                  bounds.most, bounds.example));
}

namespace {

// An option that may be given several times, each time with a list.
template <class Value>
CLI::Option* add_list(CLI::App& command, const std::string& flag, std::vector<Value>& into,
                      const std::string& help, const char* type,
                      std::vector<Value> (*parse)(std::string_view name, std::string_view text)) {
  return command
      .add_option_function<std::vector<std::string>>(
          flag,
          [flag, &into, parse](const std::vector<std::string>& texts) {
            into.clear();
            for (const std::string& text : texts) {
              const std::vector<Value> some = parse(flag, text);
              into.insert(into.end(), some.begin(), some.end());
            }
          },
          help)
      ->allow_extra_args(false)
      ->type_name(type);
}

}  // namespace

CLI::Option* add_number_list(CLI::App& command, const std::string& flag, std::vector<double>& into,
                             const std::string& help) {
  return add_list(command, flag, into, help, "X,...", parse_number_list);
}

CLI::Option* add_word_list(CLI::App& command, const std::string& flag,
                           std::vector<std::string>& into, const std::string& help) {
  return add_list(command, flag, into, help, "WORD,...", split_list);
}

CLI::Option* add_column_list(CLI::App& command, const std::string& flag,
                             std::vector<std::string>& into, const std::string& help) {
  const auto parse = [](std::string_view name, std::string_view text) {
    return split_at(name, text, text.find(',') == text.npos ? " " : ",");
  };
  return add_list<std::string>(command, flag, into, help, "COLUMN,...", parse);
}

CLI::Option* add_pair_list(CLI::App& command, const std::string& flag, std::string& into,
                           const std::string& help) {
  return command
      .add_option_function<std::vector<std::string>>(
          flag,
          [&into](const std::vector<std::string>& texts) {
            into = fmt::format("{}", fmt::join(texts, ","));
          },
          help)
      ->allow_extra_args(false)
      ->type_name("TEXT");
}

std::vector<std::string> with_joined_lists(std::vector<std::string> arguments) {
  std::vector<std::string> out;
  ListKind kind = ListKind::kNone;
  bool has_value = false;
  for (std::string& each : arguments) {
    // A word list's own first element may look like anything.
    if (continues(kind, each) || (kind == ListKind::kWords && !has_value)) {
      if (!has_value) {
        out.push_back(std::move(each));
      } else if (kind == ListKind::kConditions) {
        const auto flag = std::find_if(out.rbegin(), out.rend(), [](const std::string& word) {
          return kind_of_list(std::string_view(word).substr(0, word.find('='))) ==
                 ListKind::kConditions;
        });
        out.insert(out.end(), {flag->substr(0, flag->find('=')), each});
      } else {
        out.back() += "," + each;
      }
      has_value = true;
      continue;
    }
    const std::string flag = each.substr(0, each.find('='));
    kind = kind_of_list(flag);
    has_value = kind != ListKind::kNone && flag.size() < each.size();
    out.push_back(std::move(each));
  }
  return out;
}

}  // namespace crosslaw::apps
