#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

// How all commands read numbers and lists: 7B, 1e21, 1,238 is two of a list; lists by comma, by
// blank or by naming the flag again.
namespace crosslaw::apps {

// A flag with a number: 7B, 53.3M, 1e21 or 1_000_000. The flag keeps its type in --help.
CLI::Option* read_as_number(CLI::Option* option);

// A flag with numbers such as 1e18,1e20; LOW..HIGHxCOUNT is COUNT numbers spaced by the logarithm.
// Throws std::invalid_argument for an empty element or a text that is no number.
CLI::Option* add_number_list(CLI::App& command, const std::string& flag, std::vector<double>& into,
                             const std::string& help);

// A flag with words separated by commas. An empty one is std::invalid_argument.
CLI::Option* add_word_list(CLI::App& command, const std::string& flag,
                           std::vector<std::string>& into, const std::string& help);

// A flag with columns separated by commas, or by blanks where there is no comma: "N,D,learning
// rate". A name that holds a comma stands in quotes.
CLI::Option* add_column_list(CLI::App& command, const std::string& flag,
                             std::vector<std::string>& into, const std::string& help);

// A flag with pairs such as E=1.69,A=406.4, kept as one text for split_pairs().
CLI::Option* add_pair_list(CLI::App& command, const std::string& flag, std::string& into,
                           const std::string& help);

// The elements of "E=1.6,A=400", "E = 1.6 A = 400". Throws std::invalid_argument for an empty one.
std::vector<std::string> split_pairs(std::string_view flag, std::string_view text);

// The elements of "a,b,c" or "a b c". Throws std::invalid_argument for an empty one.
std::vector<std::string> split_list(std::string_view flag, std::string_view text);
std::vector<double> parse_number_list(std::string_view flag, std::string_view text);

// Refuses what no model has: "--max-params 7" for 7B is believed by nobody. Absent and 0 pass.
// Throws std::invalid_argument with the flag, the bound and an example.
enum class ModelCount { kParams, kTokens, kFlops };
void require_plausible(std::string_view flag, std::optional<double> value, ModelCount what);

// The arguments of a command line in which what follows a list after a blank belongs to it:
// "--flops 1e20 1e21" is "--flops 1e20,1e21", "--where a=1 b=2" is "--where a=1 --where b=2". Of
// words only those that can be no file.
std::vector<std::string> with_joined_lists(std::vector<std::string> arguments);

}  // namespace crosslaw::apps
