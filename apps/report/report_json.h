#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "fit/write/fit_json.h"

// How the data of the page write what may be unknown.
namespace crosslaw::apps {

using PageJson = nlohmann::ordered_json;  // in the order in which it is written

using fit::number_or_null;
using fit::range_or_null;

inline PageJson text_or_null(const std::string& text) {
  return text.empty() ? PageJson(nullptr) : PageJson(text);
}

}  // namespace crosslaw::apps
