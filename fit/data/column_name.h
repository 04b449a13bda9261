#pragma once

#include <optional>
#include <string>
#include <string_view>

// What the name of a column says by itself.
namespace crosslaw::fit {

// A name as it is compared: lower case, without "config.", "summary/" and the like in front, the
// unit in brackets or at the end, and with _ for what is neither letter nor digit.
std::string plain_column_name(std::string_view column);

// Whether a name is tokens a parameter, such as "tokens_per_param" and "D/N".
bool names_ratio(std::string_view column);

// "log10(N)", "ln_tokens", "log N": the base (0: unsaid) and the name of what was logged.
struct NamedLogarithm {
  double base = 0;
  std::string of;
};
std::optional<NamedLogarithm> names_logarithm(std::string_view column);

}  // namespace crosslaw::fit
