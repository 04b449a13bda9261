// The crosslaw executable.
#include "apps/commands/commands.h"
#include "apps/version.h"

int main(int argc, char** argv) {
  return crosslaw::apps::run_crosslaw(argc, argv, crosslaw::apps::own_build());
}
