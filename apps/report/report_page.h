#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace crosslaw::apps {

// The whole report as one HTML page: template, style, plotly, scripts and `data`, nothing fetched.
// `data` is the object described at the head of report_main.js; unknown values are null, arrays may
// be empty, and the page says what is missing. Every string in it is treated as untrusted text.
// The page forbids any script but its own by their SHA-256, so a hostile name stays text.
// Throws std::invalid_argument when `data` is no object or its "schema" is not 1.
std::string render_report(const nlohmann::ordered_json& data);

}  // namespace crosslaw::apps
