#include "apps/version.h"

#include "crosslaw_build.h"

namespace crosslaw::apps {

const char* build_text() { return CROSSLAW_BUILD; }

}  // namespace crosslaw::apps
