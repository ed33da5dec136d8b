"""URLs of the project that Tandem's own tests are: it has none."""

urlpatterns = []
