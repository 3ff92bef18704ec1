"""``captionstream try``: one's own pictures through the whole job, on a broker that is gone afterwards."""
