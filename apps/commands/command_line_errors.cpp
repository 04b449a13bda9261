#include "apps/commands/command_line_errors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "fit/data/closest_name.h"
#include "fit/data/number_text.h"

namespace crosslaw::apps {
namespace {

using Words = std::vector<std::string>;

Words command_names(const CLI::App& app) {
  Words out;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.push_back(each->get_name());
  }
  return out;
}

// "--data", not positionals.
Words flag_names(const CLI::App& command) {
  Words out;
  for (const CLI::Option* each : command.get_options()) {
    if (const std::string name = each->get_name(); name.starts_with("--")) out.push_back(name);
  }
  return out;
}

std::string about_unknown_words(const CLI::App& app, const CLI::App* command, const Words& words) {
  if (command == nullptr) {
    const auto word = std::find_if(words.begin(), words.end(),
                                   [](const std::string& each) { return !each.starts_with("-"); });
    if (word == words.end()) {
      return fmt::format("{} is no flag of crosslaw itself{}; a subcommand comes first: {}",
                         words.front(), fit::did_you_mean(words.front(), flag_names(app)),
                         fmt::join(command_names(app), ", "));
    }
    std::error_code ignored;
    if (std::filesystem::exists(*word, ignored)) {
      const bool sweep = std::filesystem::exists(std::filesystem::path(*word) / "crosslaw.db");
      const bool spec = std::filesystem::path(*word).extension() == ".toml";
      return fmt::format("'{}' is no subcommand; did you mean crosslaw {} {}?", *word,
                         sweep  ? "report"
                         : spec ? "plan"
                                : "fit",
                         *word);
    }
    return fmt::format("'{}' is no subcommand{}; there are {}", *word,
                       fit::did_you_mean(*word, command_names(app)),
                       fmt::join(command_names(app), ", "));
  }
  const std::string& word = words.front();
  const std::string name = command->get_name();
  if (!word.starts_with("-")) {
    return fmt::format("{}: '{}' is one word too many; crosslaw {} --help says what it takes", name,
                       word, name);
  }
  const std::string flag = word.substr(0, word.find('='));
  return fmt::format("{}: {} is no flag of it{}; crosslaw {} --help lists them", name, flag,
                     fit::did_you_mean(flag, flag_names(*command)), name);
}

std::string about_missing(const CLI::App& app, const CLI::App* command) {
  if (command == nullptr) {
    return fmt::format("a subcommand is missing: one of {}", fmt::join(command_names(app), ", "));
  }
  for (const CLI::Option* each : command->get_options()) {
    if (!each->get_required() || each->count() > 0) continue;
    return fmt::format("{}: {} is missing: {}", command->get_name(), each->get_name(),
                       each->get_description());
  }
  return command->get_name() + ": something is missing";
}

// CLI11 says "Could not convert: --starts = x" and "--law: 1 required TEXT missing".
std::string about_value(const CLI::App* command, const CLI::ParseError& error) {
  const std::string said = error.what();
  const std::string where = command == nullptr ? "" : command->get_name() + ": ";
  const std::size_t equal = said.find(" = ");
  if (const std::size_t at = said.find("Could not convert: "); at == 0 && equal != said.npos) {
    constexpr std::size_t kPrefix = 19;
    const std::string flag = said.substr(kPrefix, equal - kPrefix);
    const CLI::Option* option = command == nullptr ? nullptr : command->get_option_no_throw(flag);
    const std::string type = option == nullptr ? "" : option->get_type_name();
    // A number that is no value of the flag has a fraction, or is too large.
    const bool whole =
        type.find("INT") != type.npos || fit::parse_number(said.substr(equal + 3)).has_value();
    return fmt::format("{}{} {}: expected {}", where, flag, said.substr(equal + 3),
                       whole ? "a whole number" : "a number");
  }
  if (error.get_name() == "ArgumentMismatch") {
    const std::string flag = said.substr(0, said.find_first_of(": "));
    const bool more = said.find("At Most") != said.npos;
    return fmt::format("{}{} {}", where, flag,
                       more ? "is given twice; it takes one value" : "needs a value after it");
  }
  return where + said;
}

}  // namespace

std::string describe_parse_error(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> parsed = app.get_subcommands();
  const CLI::App* command = parsed.empty() ? nullptr : parsed.front();
  // CLI11 says first what is missing; a word that it did not know is the likelier cause.
  if (const Words unknown = app.remaining(true); !unknown.empty()) {
    return about_unknown_words(app, command, unknown);
  }
  if (error.get_name() == "RequiredError") return about_missing(app, command);
  return about_value(command, error);
}

void refuse_idle_flags(const CLI::App& command, std::initializer_list<FlagUse> uses) {
  for (const FlagUse& each : uses) {
    const CLI::Option* option = command.get_option_no_throw(each.flag);
    if (option == nullptr || option->count() == 0 || each.has_effect) continue;
    throw std::invalid_argument(
        fmt::format("{} has no effect here; it belongs to {}", each.flag, each.belongs_to));
  }
}

}  // namespace crosslaw::apps
