#pragma once

#include <string>

namespace crosslaw::apps {

// The present moment as records and pages carry it: "2026-11-27T21:12:04Z".
std::string utc_now();

}  // namespace crosslaw::apps
