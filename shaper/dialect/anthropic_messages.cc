// Anthropic's messages. Its requests are read and classified; answers pass as they come.
#include "shaper/dialect/dialect.h"

namespace tasklane {

constinit const DialectRow anthropic_messages_row{
    .dialect = Dialect::anthropic_messages,
    .name = "anthropic_messages",
    .path = "messages",
    .prompt = PromptPlace::messages_and_system,
};

}  // namespace tasklane
