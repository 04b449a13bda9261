#pragma once

#include <initializer_list>
#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace crosslaw::apps {

// What is wrong with the command line, in one sentence of ours: command or flag that is not known,
// with the one that was likely meant; what is missing; a value that cannot be read.
std::string describe_parse_error(const CLI::App& app, const CLI::ParseError& error);

// A flag, whether it has an effect beside the others that are given, and what it belongs to.
struct FlagUse {
  const char* flag;
  bool has_effect;
  const char* belongs_to;
};

// Throws std::invalid_argument for the first flag that is given and would be ignored.
void refuse_idle_flags(const CLI::App& command, std::initializer_list<FlagUse> uses);

}  // namespace crosslaw::apps
