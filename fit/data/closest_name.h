#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crosslaw::fit {

// The known name that was most likely meant: equal but for case, or within two slips or a third of
// the letters (Levenshtein's distance). Empty: none is near.
std::string closest_name(std::string_view name, const std::vector<std::string>& known);

// "; did you mean 'loss'?", or "" where nothing is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace crosslaw::fit
