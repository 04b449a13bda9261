#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "fit/data/points.h"

// How the data of the page write what may be unknown.
namespace crosslaw::apps {

using PageJson = nlohmann::ordered_json;  // in the order in which it is written

inline PageJson optional(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? PageJson(*value) : PageJson(nullptr);
}

inline PageJson text_or_null(const std::string& text) {
  return text.empty() ? PageJson(nullptr) : PageJson(text);
}

inline PageJson range(const std::optional<fit::Range>& r) {
  return r ? PageJson::array({r->low, r->high}) : PageJson(nullptr);
}

}  // namespace crosslaw::apps
