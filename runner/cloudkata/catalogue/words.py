"""Words that inputs are made of: short, neutral, lower-case ASCII, so that any AWS name may hold them."""

_WORDS = """
acorn agate alder almond alpine amber anchor anvil apple apron arbor arctic aspen atlas autumn azure
badge bamboo barley basalt basin beacon beech birch bison bloom bluff bonsai border bottle boulder
branch breeze bridge bright bronze brook bucket button cabin cactus camel candle canoe canvas canyon
carbon cargo carpet castle cedar cello chalk cherry cider cinder citrus clay cliff clover coast
cobalt cocoa comet compass copper coral cosmos cotton cradle crater crest cricket crystal cypress
daisy dawn delta desert dune eagle ember estuary falcon feather fennel fern fiddle field finch
fjord flint forest fossil fountain frost galaxy garden garnet geyser ginger glacier granite grove
gull hamlet harbor harvest hazel heath heron hickory hill honey horizon indigo iris island ivory
ivy jade jasper jetty juniper kelp kettle lagoon lantern larch laurel lava lemon lichen lilac lily
linden lotus lunar magnet mango maple marble marsh meadow mellow melon meteor mica mint mist mosaic
moss mural nectar nickel nutmeg oak oasis oat ocean olive onyx opal orbit orchard orchid otter
paddle palm papaya parsley peach pearl pebble pepper pewter pine plum pocket polar pollen pond
poplar prairie prism pumice quartz quill raven reef ribbon ridge river robin rocket rowan rustic
saddle saffron sage sail salmon sand sapling satin shell shore sierra silver slate snow solar
sparrow spruce stone summit sunset swift tango teal tempo thistle thyme timber topaz trail tulip
tundra valley vapor velvet verdant violet walnut willow winter wren zephyr zinc
"""

WORDS = tuple(_WORDS.split())

_NAMES = """
ada amara bela carin dario edda emeka farah goran hana ilya imani jonas kaya lena liang mateo mira
nadia noor omar petra quinn ravi rosa sami selma tariq thea umi vera wanda yara yusuf zora
"""

NAMES = tuple(_NAMES.split())
